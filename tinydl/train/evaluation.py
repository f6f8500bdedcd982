"""Running a net over data without training it."""

import contextlib

import numpy as np

from tinydl.config import no_grad
from tinydl.data.batches import Batches, as_dataset
from tinydl.train.metrics import count_right

__all__ = ["evaluate", "evaluation_mode", "predict"]


@contextlib.contextmanager
def evaluation_mode(net):
    """Eval mode without gradients inside the block; afterwards every module has the mode it had."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def batch_outputs(net, data, batch_size, stop=None):
    """Yield (outputs, labels) batch by batch; ends early when `stop()` says so."""
    for x, y in Batches(data, batch_size):
        if stop is not None and stop():
            return
        yield net(x), y


def predict(net, x, batch_size=256):
    """Outputs of `net` in eval mode, batch by batch.

    Parameters
    ----------
    net : nn.Module
        Its mode is restored afterwards.
    x : ArrayDataset or array, shape (N, ...)
        A dataset is normalised as it says; uint8 arrays are scaled to 0..1, floats taken as they are.
    batch_size : int

    Returns
    -------
    array, shape (N, ...)
        For a classifier the logits (N, classes).
    """
    data = as_dataset(x, "x")
    with evaluation_mode(net):
        if len(data) == 0:
            raise ValueError("no images to predict")
        return np.concatenate([np.array(output.data) for output, _ in batch_outputs(net, data, batch_size)])


def evaluate(net, data, loss, batch_size=256, stop=None):
    """Mean loss and accuracy of `net` on labelled data, in eval mode and without gradients.

    Parameters
    ----------
    net : nn.Module
    data : ArrayDataset or (x, y)
    loss : callable
        ``loss(output, y)`` gives the mean over the batch; batches count by their size.
    batch_size : int
    stop : callable, optional
        Asked before each batch whether to give up.

    Returns
    -------
    dict or None
        ``{"loss": ..., "accuracy": ...}``, the accuracy only for integer labels and outputs (N, classes, ...) of at
        least two classes; None when `stop` said so.
    """
    data = as_dataset(data)
    if data.labels is None or len(data) == 0:
        raise ValueError(f"{data.name} needs labels and at least one sample to be evaluated, it has {len(data)} samples"
                         + (" and no labels" if data.labels is None else ""))
    total, count = 0.0, 0
    right = 0 if data.n_classes is not None else None
    with evaluation_mode(net):
        for output, y in batch_outputs(net, data, batch_size, stop):
            total += loss(output, y).item() * len(y)
            count += len(y)
            if right is not None:
                found = count_right(output.data, y)
                right = None if found is None else right + found
    if count < len(data):
        return None
    return {"loss": total / count, **({} if right is None else {"accuracy": right / count})}
