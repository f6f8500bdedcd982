"""Running a net over data without training it."""

import contextlib

import numpy as np

from tinydl.config import no_grad
from tinydl.data.batches import Batches, as_dataset
from tinydl.nn.evaluating import evaluating
from tinydl.tensor import Tensor
from tinydl.train.tally import Tally

__all__ = ["evaluate", "evaluation_mode", "loss_value", "predict"]


@contextlib.contextmanager
def evaluation_mode():
    """Evaluation mode without gradients inside the block, for all modules in this thread; no module is changed."""
    with evaluating(), no_grad():
        yield


def loss_value(loss):
    """A loss as a float; what is no single number is refused."""
    size = getattr(loss, "size", None)
    if isinstance(loss, (int, float)):
        return float(loss)
    if size != 1 or not hasattr(loss, "item"):
        what = f"an array of shape {loss.shape}" if size is not None else f"{type(loss).__name__}"
        raise TypeError(f"the loss must be one number for a batch, got {what}; take the mean over the samples, or "
                        "reduction='mean'")
    return float(loss.item())


def _array(output):
    """The arrays of an output: of a Tensor, or of a tuple, list or dict of them."""
    if isinstance(output, (Tensor, np.ndarray)):
        return np.array(output.data if isinstance(output, Tensor) else output)
    if isinstance(output, (tuple, list)):
        return tuple(_array(part) for part in output)
    if isinstance(output, dict):
        return {name: _array(part) for name, part in output.items()}
    raise TypeError(f"a net returns a Tensor, or a tuple or dict of them, got {type(output).__name__}")


def _joined(parts):
    """The outputs of batches as one."""
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(_joined(column) for column in zip(*parts, strict=True))
    if isinstance(first, dict):
        return {name: _joined([part[name] for part in parts]) for name in first}
    return np.concatenate(parts)


def _images(x):
    """What is to be predicted as a dataset."""
    if isinstance(x, tuple):
        raise TypeError(f"predict takes images alone, got a tuple of {len(x)}; of (x, y) pass x. A net of several "
                        "inputs is called by itself, in eval mode under no_grad()")
    if isinstance(x, list) and x and hasattr(x[0], "shape"):  # images one by one
        shapes = {np.shape(image) for image in x}
        if len(shapes) > 1:
            raise ValueError(f"predict takes images of one shape, got {', '.join(map(str, sorted(shapes)))}")
        if len(np.shape(x[0])) > 3:
            raise ValueError(f"predict takes a list of single images, got arrays of shape {np.shape(x[0])}; join "
                             "batches with numpy.concatenate")
        x = np.stack([image.data if isinstance(image, Tensor) else image for image in x])
    elif isinstance(x, list):
        x = np.asarray(x)
    return as_dataset(x, "x")


def predict(net, x, batch_size=256):
    """Outputs of `net` in eval mode, batch by batch.

    Parameters
    ----------
    net : nn.Module
        Its mode is not touched, so several threads may predict with it at once, also while it is trained.
    x : ArrayDataset, or array of shape (N, ...), or list of arrays of single images
        A dataset is normalised as it says; uint8 arrays are scaled to 0..1, floats taken as they are.
    batch_size : int

    Returns
    -------
    array, shape (N, ...)
        For a classifier the logits (N, classes). A tuple or dict of arrays where the net returns one of tensors.
    """
    data = _images(x)
    if len(data) == 0:
        raise ValueError("no images to predict")
    with evaluation_mode():
        return _joined([_array(net(x)) for x, _ in Batches(data, batch_size)])


def evaluate(net, data, loss, batch_size=256, stop=None):
    """Mean loss and accuracy of `net` on labelled data, in eval mode and without gradients.

    Both are those of all samples at once, whatever the batch size is: a loss that weights or leaves out samples says
    by its method ``denominator(output, y)`` what its mean divides by, as CrossEntropyLoss and NLLLoss do. Means of
    other losses count by the number of samples. A loss with ``reduction = 'sum'`` is divided by the number of samples.

    Parameters
    ----------
    net : nn.Module
        Its mode is not touched, as in `predict`.
    data : ArrayDataset or (x, y)
    loss : callable
        ``loss(output, y)`` gives one number for a batch.
    batch_size : int
    stop : callable, optional
        Asked before each batch whether to give up.

    Returns
    -------
    dict or None
        ``{"loss": ..., "accuracy": ...}``; None when `stop` said so. The accuracy is there for integer labels (N,) and
        outputs (N, C): the share of labels whose output is the largest. For masks (N, H, W) and outputs (N, C, H, W) it
        is the share of pixels. For outputs (N, 1) or (N,) of a net that tells two classes apart, a loss must say by its
        attribute ``decision_threshold`` above which output class 1 begins (0 of BCEWithLogitsLoss); else there is none.
        Labels that are the loss's ``ignore_index`` do not count.
    """
    data = as_dataset(data)
    if data.labels is None or len(data) == 0:
        raise ValueError(f"{data.name} needs labels and at least one sample to be evaluated, it has {len(data)} samples"
                         + (" and no labels" if data.labels is None else ""))
    tally = Tally(data.n_classes is not None)
    with evaluation_mode():
        for x, y in Batches(data, batch_size):
            if stop is not None and stop():
                return None
            output = net(x)
            tally.add(loss, loss_value(loss(output, y)), output, y)
    return tally.result()
