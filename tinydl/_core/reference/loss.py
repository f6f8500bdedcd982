"""NumPy twin of the loss kernels, in float64."""

import numpy as np

__all__ = [
    "log_softmax_backward", "log_softmax_forward", "softmax_backward", "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward", "softmax_forward",
]


def _shifted(x):
    """x less the maximum of its row, so that exp cannot overflow; a row with NaN or +inf becomes NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        return x.astype(np.float64) - x.max(1, keepdims=True, initial=-np.inf).astype(np.float64)


def _log_softmax(x):
    shifted = _shifted(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def check_labels(labels, n_classes, ignore_index):
    """ValueError naming the first row whose label is neither a class nor `ignore_index`."""
    bad = np.flatnonzero((labels != ignore_index) & ((labels < 0) | (labels >= n_classes)))
    if bad.size:
        raise ValueError(f"labels: row {bad[0]} holds {labels[bad[0]]}, expected a class from 0 to {n_classes - 1} or "
                         f"ignore_index ({ignore_index})")


def softmax_cross_entropy_forward(logits, labels, weight, ignore_index, label_smoothing, losses, probabilities,
                                  n_threads=1):
    """Per row, with log p = log softmax(logits), s = label_smoothing, C classes and v = weight (ones when None):

    losses[n] = -(1-s) v[label] log p[label] - s/C sum over c of v[c] log p[c];  0 where label == ignore_index.

    logits : IN (N, C).  labels : IN (N,) int64.  weight : IN (C,) or None.  losses : OUT (N,).
    probabilities : OUT (N, C), softmax of the logits, of ignored rows too.
    Returns (sum of losses, sum of v[label] over the rows that count) as floats.
    """
    n_rows, n_classes = logits.shape
    check_labels(labels, n_classes, ignore_index)
    log_p = _log_softmax(logits)
    probabilities[...] = np.exp(log_p)
    v = np.ones(n_classes) if weight is None else weight.astype(np.float64)
    total, count = 0.0, 0.0
    for n in range(n_rows):
        label = labels[n]
        if label == ignore_index:
            losses[n] = 0
            continue
        loss = -(1 - label_smoothing) * v[label] * log_p[n, label]
        if label_smoothing != 0:
            loss -= label_smoothing / n_classes * (v * log_p[n]).sum()
        with np.errstate(over="ignore"):
            losses[n] = loss
        total += float(losses[n])
        count += v[label]
    return total, float(count)


def softmax_cross_entropy_backward(probabilities, labels, weight, ignore_index, label_smoothing, dlosses, dlogits,
                                   n_threads=1):
    """dlogits[n,c] = g (1-s) v[label] (p[c] - [c == label]) + g s/C (p[c] sum of v - v[c]), g = dlosses[n].

    probabilities : IN (N, C), from the forward pass.  labels, weight, ignore_index, label_smoothing : as there.
    dlosses : IN (N,), or a number that stands for all rows.  dlogits : OUT (N, C); 0 in ignored rows.
    """
    n_rows, n_classes = probabilities.shape
    check_labels(labels, n_classes, ignore_index)
    p = probabilities.astype(np.float64)
    v = np.ones(n_classes) if weight is None else weight.astype(np.float64)
    g = np.broadcast_to(np.asarray(dlosses, np.float64), (n_rows,))
    for n in range(n_rows):
        label = labels[n]
        if label == ignore_index:
            dlogits[n] = 0
            continue
        target = np.zeros(n_classes)
        target[label] = (1 - label_smoothing) * v[label]
        target += label_smoothing / n_classes * v
        dlogits[n] = g[n] * (p[n] * target.sum() - target)


def softmax_forward(x, y, n_threads=1):
    """y[n,c] = exp(x[n,c]) / sum over k of exp(x[n,k]).

    x : IN (N, C).  y : OUT (N, C).
    """
    y[...] = np.exp(_log_softmax(x))


def softmax_backward(y, dy, dx, n_threads=1):
    """dx = y (dy - sum over the row of y dy).

    y : IN (N, C), from the forward pass.  dy : IN (N, C).  dx : OUT (N, C).
    """
    y, dy = y.astype(np.float64), dy.astype(np.float64)
    dx[...] = y * (dy - (y * dy).sum(1, keepdims=True))


def log_softmax_forward(x, y, n_threads=1):
    """y[n,c] = x[n,c] - log sum over k of exp(x[n,k]).

    x : IN (N, C).  y : OUT (N, C).
    """
    with np.errstate(over="ignore"):
        y[...] = _log_softmax(x)


def log_softmax_backward(y, dy, dx, n_threads=1):
    """dx = dy - exp(y) * sum over the row of dy.

    y : IN (N, C), from the forward pass.  dy : IN (N, C).  dx : OUT (N, C).
    """
    y, dy = y.astype(np.float64), dy.astype(np.float64)
    dx[...] = dy - np.exp(y) * dy.sum(1, keepdims=True)
