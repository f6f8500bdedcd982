"""NumPy twin of the optimisers' update kernels. All arrays of one parameter have its shape and its memory order."""

import math

import numpy as np

__all__ = ["adam", "clip", "norms", "rmsprop", "scale", "sgd"]


def sgd(params, grads, buffers, lr, momentum, dampening, weight_decay, nesterov, first, n_threads=1):
    """g = grad + weight_decay p;  b = g on the first step, momentum b + (1-dampening) g later;
    p -= lr (g + momentum b) with nesterov, else lr b; without momentum p -= lr g and b is not used.

    params, buffers : lists of IN/OUT arrays (buffers may be None when momentum is 0).  grads : list of IN arrays.
    first : write the buffers instead of reading them.
    """
    for k, (p, grad) in enumerate(zip(params, grads, strict=True)):
        g = grad.astype(np.float64) + weight_decay * p
        if momentum != 0:
            b = g if first else momentum * buffers[k].astype(np.float64) + (1 - dampening) * g
            buffers[k][...] = b
            g = g + momentum * b if nesterov else b
        p[...] = p - lr * g


def adam(params, grads, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step, n_threads=1):
    """decoupled (AdamW): p *= 1 - lr weight_decay, g = grad;  else g = grad + weight_decay p (L2);
    m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2;
    p -= lr/(1-beta1^step) m / (sqrt(v)/sqrt(1-beta2^step) + eps).

    params, m, v : lists of IN/OUT arrays.  grads : list of IN arrays.  step : 1 for the first call.
    """
    for p, grad, mean, square in zip(params, grads, m, v, strict=True):
        old, g = p.astype(np.float64), grad.astype(np.float64)
        if decoupled:
            old = old * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * old
        new_mean = beta1 * mean.astype(np.float64) + (1 - beta1) * g
        new_square = beta2 * square.astype(np.float64) + (1 - beta2) * g * g
        mean[...], square[...] = new_mean, new_square
        denominator = np.sqrt(new_square) / math.sqrt(1 - beta2**step) + eps
        p[...] = old - lr / (1 - beta1**step) * new_mean / denominator


def rmsprop(params, grads, squares, averages, buffers, lr, alpha, eps, weight_decay, momentum, n_threads=1):
    """g = grad + weight_decay p;  s = alpha s + (1-alpha) g^2;  centred (averages given): a = alpha a + (1-alpha) g,
    d = sqrt(s - a^2) + eps, else d = sqrt(s) + eps;  momentum: b = momentum b + g/d, p -= lr b;  else p -= lr g/d.

    params, squares, averages (or None), buffers (or None when momentum is 0) : lists of IN/OUT arrays.
    grads : list of IN arrays.
    """
    for k, (p, grad) in enumerate(zip(params, grads, strict=True)):
        g = grad.astype(np.float64) + weight_decay * p
        s = alpha * squares[k].astype(np.float64) + (1 - alpha) * g * g
        squares[k][...] = s
        if averages is not None:
            a = alpha * averages[k].astype(np.float64) + (1 - alpha) * g
            averages[k][...] = a
            s = np.maximum(s - a * a, 0)
        g = g / (np.sqrt(s) + eps)
        if momentum != 0:
            g = momentum * buffers[k].astype(np.float64) + g
            buffers[k][...] = g
        p[...] = p - lr * g


def norms(grads, p, n_threads=1):
    """(sum over all elements of all arrays of |g|^p)^(1/p); the largest |g| for p = inf; NaN propagates.

    grads : list of IN arrays.  p : a number > 0.  Returns a float.
    """
    flat = np.concatenate([np.zeros(0), *(g.ravel().astype(np.float64) for g in grads)])
    if not p > 0:
        raise ValueError(f"p: the order of a norm must be positive, got {p}")
    if math.isinf(p):
        return float(np.abs(flat).max(initial=0))
    return float((np.abs(flat) ** p).sum() ** (1 / p))


def scale(grads, factor, n_threads=1):
    """g *= factor.

    grads : list of IN/OUT arrays.
    """
    for g in grads:
        g *= g.dtype.type(factor)


def clip(grads, value, n_threads=1):
    """g = min(max(g, -value), value); NaN passes.

    grads : list of IN/OUT arrays.
    """
    for g in grads:
        np.clip(g, -value, value, out=g)
