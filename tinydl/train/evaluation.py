"""Running a net over data without training it."""

import contextlib

import numpy as np

from tinydl.config import no_grad
from tinydl.data.batches import Batches, as_dataset
from tinydl.nn.module import evaluating
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


def predict(net, x, batch_size=256):
    """Outputs of `net` in eval mode, batch by batch.

    Parameters
    ----------
    net : nn.Module
        Its mode is not touched, so several threads may predict with it at once, also while it is trained.
    x : ArrayDataset or array, shape (N, ...)
        A dataset is normalised as it says; uint8 arrays are scaled to 0..1, floats taken as they are.
    batch_size : int

    Returns
    -------
    array, shape (N, ...)
        For a classifier the logits (N, classes).
    """
    data = as_dataset(x, "x")
    if len(data) == 0:
        raise ValueError("no images to predict")
    with evaluation_mode():
        return np.concatenate([np.array(net(x).data) for x, _ in Batches(data, batch_size)])


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
