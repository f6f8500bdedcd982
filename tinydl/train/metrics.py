"""How good predictions are."""

import numpy as np

__all__ = ["accuracy", "confusion_matrix", "count_right"]


def _classes(predictions):
    predictions = np.asarray(getattr(predictions, "data", predictions)
                             if hasattr(predictions, "requires_grad") else predictions)
    if predictions.ndim == 2 and predictions.shape[1] == 1:
        raise ValueError(f"one column of scores names no class, got predictions of shape {predictions.shape}; pass "
                         "class numbers, such as (scores[:, 0] > 0).astype(int) for logits")
    return predictions.argmax(axis=1) if predictions.ndim == 2 else predictions


def count_right(scores, labels):
    """How many samples of a batch are classified right; of a sample with a label for each position its right share.

    Parameters
    ----------
    scores : array, shape (N, classes, *positions)
    labels : array of int, shape (N, *positions)

    Returns
    -------
    int or float, or None
        None for outputs that are not scores of at least two classes, which have no accuracy.
    """
    if scores.ndim != labels.ndim + 1 or scores.shape[1] < 2 or (scores.shape[0], *scores.shape[2:]) != labels.shape:
        return None
    right = int(np.count_nonzero(scores.argmax(axis=1) == labels))
    return right if labels.ndim == 1 else right * len(labels) / labels.size


def accuracy(predictions, labels):
    """Share of right predictions.

    Parameters
    ----------
    predictions : array or Tensor, shape (N, classes) or (N,)
        Logits or probabilities, of which the largest counts (the first one at a tie), or class numbers.
    labels : array of int, shape (N,)

    Returns
    -------
    float
        Between 0 and 1; nan for no samples.
    """
    predicted, labels = _classes(predictions), np.asarray(labels)
    if predicted.shape != labels.shape:
        raise ValueError(f"{predicted.shape[0] if predicted.ndim else 1} predictions for labels of shape "
                         f"{labels.shape}")
    return float(np.mean(predicted == labels)) if labels.size else float("nan")


def confusion_matrix(labels, predictions, n_classes=None):
    """How often each class was taken for each.

    Parameters
    ----------
    labels : array of int, shape (N,)
        The truth.
    predictions : array, shape (N, classes) or (N,)
        As in `accuracy`.
    n_classes : int, optional
        Default: one more than the largest number that occurs.

    Returns
    -------
    array of int64, shape (n_classes, n_classes)
        Entry (i, j) counts samples of class i that were predicted as j.

    Raises
    ------
    ValueError
        Lengths differ, or a class number is not in 0..n_classes-1.
    """
    labels, predicted = np.asarray(labels), _classes(predictions)
    if predicted.shape != labels.shape or labels.ndim != 1:
        raise ValueError(f"labels and predictions must be of one length, got shapes {labels.shape} and "
                         f"{predicted.shape}")
    if n_classes is None:
        n_classes = 1 + max(int(labels.max()), int(predicted.max())) if labels.size else 0
    for what, values in (("label", labels), ("prediction", predicted)):
        bad = np.flatnonzero((values < 0) | (values >= n_classes))
        if bad.size:
            raise ValueError(f"{what} {values[bad[0]]} of sample {bad[0]} is not in 0..{n_classes - 1}")
    pairs = labels.astype(np.int64) * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
