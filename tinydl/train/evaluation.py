"""Running a net over data without training it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from tinydl.config import no_grad
from tinydl.distributed.failing import agreed_error
from tinydl.nn.evaluating import evaluating
from tinydl.tensor import Tensor
from tinydl.train.feed import evaluation_feed, samples_of
from tinydl.train.objective import loss_value
from tinydl.train.scores import metrics_of
from tinydl.train.several import Several, check_inputs, is_several
from tinydl.train.stream import gives_batches
from tinydl.train.tally import Tally
from tinydl.train.trees import arrays_of, called, joined

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tinydl._types import Array, Metrics, Samples
    from tinydl.distributed.transport import Communicator
    from tinydl.nn.module import Module

__all__ = ["evaluate", "evaluation_mode", "predict"]


@contextlib.contextmanager
def evaluation_mode():
    """Evaluation mode without gradients inside the block, for all modules in this thread; no module is changed."""
    with evaluating(), no_grad():
        yield


def _images(net, x):
    """What is to be predicted as samples without labels."""
    if is_several(x):
        check_inputs(net, x, "predict")
        return Several(x, name="x")
    if isinstance(x, tuple):
        raise TypeError(f"predict takes images alone, got a tuple of {len(x)}; of (x, y) pass x")
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
    return samples_of(x, "x")


def predict(net: Module, x: Any, batch_size: int = 256) -> Array:
    """Outputs of `net` in eval mode, batch by batch.

    Parameters
    ----------
    net : nn.Module
        Its mode is not touched, so several threads may predict with it at once, also while it is trained.
    x : ArrayDataset, array of shape (N, ...), list of arrays of single images, or an iterable of batches
        A dataset is normalised as it says; uint8 arrays are scaled to 0..1, floats taken as they are. A tuple or dict
        of arrays is the inputs of a net of several. Of batches (x, y) the y is left out.
    batch_size : int
        For arrays.

    Returns
    -------
    array, shape (N, ...)
        For a classifier the logits (N, classes). A tuple or dict of arrays where the net returns one of tensors.
    """
    if not gives_batches(x):
        x = _images(net, x)
        if len(x) == 0:
            raise ValueError("no images to predict")
    with evaluation_mode():
        return joined([arrays_of(called(net, x)) for x, _, _ in evaluation_feed(x, batch_size, "x", labelled=False)])


def evaluate(net: Module, data: Samples, loss: Callable[..., Any], batch_size: int = 256,
             stop: Callable[[], Any] | None = None, metrics: Metrics = (),
             comm: Communicator | None = None) -> dict[str, Any] | None:
    """Mean loss, accuracy and other metrics of `net` on labelled data, in eval mode and without gradients.

    All are those of all samples at once, whatever the batch size is: a loss that weights or leaves out samples says
    by its method ``denominator(output, y)`` what its mean divides by, as CrossEntropyLoss and NLLLoss do. Means of
    other losses count by the number of samples. A loss with ``reduction = 'sum'`` is divided by the number of samples.

    Parameters
    ----------
    net : nn.Module
        Its mode is not touched, as in `predict`.
    data : ArrayDataset, (x, y), or an iterable of batches (x, y)
        x and y may be tuples or dicts of arrays. Weights that batches hold are for training and left out.
    loss : callable
        ``loss(output, y)`` gives one number for a batch.
    batch_size : int
        For arrays.
    stop : callable, optional
        Asked before each batch whether to give up.
    metrics : sequence of str or callable, or dict of str to callable
        'accuracy', 'top5', 'f1', 'mae', or functions ``f(y, output)`` of the arrays of all samples, which are kept for
        them.
    comm : Communicator, optional
        Ranks that share the batches out; all get the result, with the bits of one.

    Returns
    -------
    dict or None
        ``{"loss": ..., "accuracy": ...}`` and the metrics by name; None when `stop` said so. The accuracy is there for
        integer labels (N,) and outputs (N, C): the share of labels whose output is the largest. For masks (N, H, W) and
        outputs (N, C, H, W) it is the share of pixels. For outputs (N, 1) or (N,) of a net that tells two classes
        apart, a loss must say by its attribute ``decision_threshold`` above which output class 1 begins (0 of
        BCEWithLogitsLoss); else there is none. Such labels may be floats 0 and 1, as that loss takes them. Labels that
        are the loss's ``ignore_index`` do not count.
    """
    chosen = metrics_of(metrics)
    feed = evaluation_feed(data, batch_size)
    if feed.data is not None and (feed.data.labels is None or len(feed) == 0):
        raise ValueError(f"{feed.data.name} needs labels and at least one sample to be evaluated, it has {len(feed)} "
                         "samples" + (" and no labels" if feed.data.labels is None else ""))
    tally = Tally(feed.classify)
    outputs: Any = []
    labels: Any = []
    with evaluation_mode():
        if comm is not None and comm.size > 1:
            _evaluate_shared(net, feed, loss, tally, (outputs, labels) if chosen else None, comm)
        else:
            for x, y, _ in feed:
                if stop is not None and stop():
                    return None
                output = called(net, x)
                tally.add(loss, loss_value(loss(output, y)), output, y)
                if chosen:
                    outputs.append(arrays_of(output))
                    labels.append(arrays_of(y))
    result = tally.result()
    if chosen:
        outputs, labels = joined(outputs), joined(labels)
        result.update({metric.name: metric(labels, outputs, loss) for metric in chosen})
    return result


def _evaluate_shared(net, feed, loss, tally, kept, comm):
    """Evaluate every `size`-th batch, and add up those of all ranks in their order."""
    own, error = {}, None
    try:
        for index, (x, y, _) in feed.share(comm.rank, comm.size):
            output, one = called(net, x), Tally(feed.classify)
            one.add(loss, loss_value(loss(output, y)), output, y)
            own[index] = one.state_dict(), None if kept is None else (arrays_of(output), arrays_of(y))
    except Exception as met:
        error = met
    if any(comm.gather(error is not None)):
        raise agreed_error(comm, error)
    found = {index: one for part in comm.gather(own) for index, one in part.items()}
    for _, (sums, arrays) in sorted(found.items()):
        tally.merge(sums)
        if kept is not None:
            for column, array in zip(kept, arrays, strict=True):
                column.append(array)
