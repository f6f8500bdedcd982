"""NumPy twin of the optimisers' update kernels. All arrays of one parameter have its shape and its memory order."""

import math

import numpy as np

__all__ = ["adadelta", "adagrad", "adam", "clip", "lion", "nadam", "norms", "radam", "rmsprop", "scale", "sgd", "step"]


class Rule:
    """The formula of one step, `formula(p, grad, *slots)`; `uses` tells which of its slots it needs."""

    def __init__(self, formula, *uses):
        self.formula, self.uses = formula, uses


def step(rule, params, grads, slots, n_threads=1):
    """One step of every parameter by the same rule.

    params : list of IN/OUT arrays.  grads : list of IN arrays.
    slots : for each entry of rule.uses a list of IN/OUT arrays, or None where it is false.
    """
    slots = [[None] * len(params) if arrays is None else arrays for arrays in slots]
    for p, grad, *kept in zip(params, grads, *slots, strict=True):
        p[...] = rule.formula(p.astype(np.float64), grad.astype(np.float64), *kept)


def _decayed(grad, weight_decay, p):
    """Without decay p is not looked at: 0 times an infinite weight would be NaN."""
    return grad + weight_decay * p if weight_decay else grad


def sgd(lr, momentum, dampening, weight_decay, nesterov, first):
    """g = grad + weight_decay p;  b = g on the first step, momentum b + (1-dampening) g later;
    p -= lr (g + momentum b) with nesterov, else lr b; without momentum p -= lr g and b is not used.

    first : write the buffers b instead of reading them.
    """
    def formula(p, grad, buffer):
        g = _decayed(grad, weight_decay, p)
        if momentum != 0:
            b = g if first else momentum * buffer.astype(np.float64) + (1 - dampening) * g
            buffer[...] = b
            g = g + momentum * b if nesterov else b
        return p - lr * g

    return Rule(formula, momentum != 0)


def adam(lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """decoupled (AdamW): p *= 1 - lr weight_decay, g = grad;  else g = grad + weight_decay p (L2);
    m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2;
    p -= lr/(1-beta1^step) m / (sqrt(v)/sqrt(1-beta2^step) + eps).

    step : 1 for the first.
    """
    def formula(p, grad, m, v):
        g = grad
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = _decayed(g, weight_decay, p)
        mean = beta1 * m.astype(np.float64) + (1 - beta1) * g
        square = beta2 * v.astype(np.float64) + (1 - beta2) * g * g
        m[...], v[...] = mean, square
        denominator = np.sqrt(square) / math.sqrt(1 - beta2**step) + eps
        return p - lr / (1 - beta1**step) * mean / denominator

    return Rule(formula, True, True)


def rmsprop(lr, alpha, eps, weight_decay, momentum, centered):
    """g = grad + weight_decay p;  s = alpha s + (1-alpha) g^2;  centered: a = alpha a + (1-alpha) g,
    d = sqrt(s - a^2) + eps, else d = sqrt(s) + eps;  momentum: b = momentum b + g/d, p -= lr b;  else p -= lr g/d.

    The rule keeps s, a (if centered) and b (if there is momentum).
    """
    def formula(p, grad, square, average, buffer):
        g = _decayed(grad, weight_decay, p)
        s = alpha * square.astype(np.float64) + (1 - alpha) * g * g
        square[...] = s
        if centered:
            a = alpha * average.astype(np.float64) + (1 - alpha) * g
            average[...] = a
            s = np.maximum(s - a * a, 0)
        g = g / (np.sqrt(s) + eps)
        if momentum != 0:
            g = momentum * buffer.astype(np.float64) + g
            buffer[...] = g
        return p - lr * g

    return Rule(formula, True, centered, momentum != 0)


def adagrad(lr, lr_decay, weight_decay, eps, step):
    """g = grad + weight_decay p;  s = s + g^2;  p -= lr / (1 + (step-1) lr_decay) g / (sqrt(s) + eps).

    step : 1 for the first.
    """
    def formula(p, grad, total):
        g = _decayed(grad, weight_decay, p)
        s = total.astype(np.float64) + g * g
        total[...] = s
        return p - lr / (1 + (step - 1) * lr_decay) * g / (np.sqrt(s) + eps)

    return Rule(formula, True)


def adadelta(lr, rho, eps, weight_decay):
    """g = grad + weight_decay p;  s = rho s + (1-rho) g^2;  d = sqrt(u + eps) / sqrt(s + eps) g;
    u = rho u + (1-rho) d^2;  p -= lr d.
    """
    def formula(p, grad, square, change):
        g = _decayed(grad, weight_decay, p)
        s, u = (rho * kept.astype(np.float64) for kept in (square, change))
        s = s + (1 - rho) * g * g
        d = np.sqrt(change.astype(np.float64) + eps) / np.sqrt(s + eps) * g
        square[...], change[...] = s, u + (1 - rho) * d * d
        return p - lr * d

    return Rule(formula, True, True)


def radam(lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """As adam, with lr r in the place of lr and eps / sqrt(1-beta2^step) in that of eps; without the denominator while
    the variance of the step is unknown (at most 5 degrees of freedom). With N = 2/(1-beta2) - 1 and
    n = N - 2 step beta2^step / (1-beta2^step):  r = sqrt((n-4) (n-2) N / ((N-4) (N-2) n)).

    step : 1 for the first.
    """
    def formula(p, grad, m, v):
        g = grad if decoupled else _decayed(grad, weight_decay, p)
        p = p * (1 - lr * weight_decay) if decoupled else p
        mean = beta1 * m.astype(np.float64) + (1 - beta1) * g
        square = beta2 * v.astype(np.float64) + (1 - beta2) * g * g
        m[...], v[...] = mean, square
        d = mean / (1 - beta1**step)
        most = 2 / (1 - beta2) - 1
        n = most - 2 * step * beta2**step / (1 - beta2**step)
        if n > 5:
            r = math.sqrt((n - 4) * (n - 2) * most / ((most - 4) * (most - 2) * n))
            d = d * r * math.sqrt(1 - beta2**step) / (np.sqrt(square) + eps)
        return p - lr * d

    return Rule(formula, True, True)


def nadam(lr, beta1, beta2, eps, weight_decay, decoupled, step, momenta):
    """m and v as adam, and its decay;  with momenta mu, mu' of this step and the next and M the product of all so far:
    p -= lr ((1-mu)/(1-M) g + mu'/(1-M mu') m) / (sqrt(v)/sqrt(1-beta2^step) + eps).

    step : 1 for the first.  momenta : (mu, mu', M).
    """
    mu, following, product = momenta

    def formula(p, grad, m, v):
        g = grad if decoupled else _decayed(grad, weight_decay, p)
        p = p * (1 - lr * weight_decay) if decoupled else p
        mean = beta1 * m.astype(np.float64) + (1 - beta1) * g
        square = beta2 * v.astype(np.float64) + (1 - beta2) * g * g
        m[...], v[...] = mean, square
        d = (1 - mu) / (1 - product) * g + following / (1 - product * following) * mean
        return p - lr * d / (np.sqrt(square) / math.sqrt(1 - beta2**step) + eps)

    return Rule(formula, True, True)


def lion(lr, beta1, beta2, weight_decay):
    """d = beta1 m + (1-beta1) grad;  m = beta2 m + (1-beta2) grad;  p = (1 - lr weight_decay) p - lr sign(d)."""
    def formula(p, grad, m):
        kept = m.astype(np.float64)
        m[...] = beta2 * kept + (1 - beta2) * grad
        return (1 - lr * weight_decay) * p - lr * np.sign(beta1 * kept + (1 - beta1) * grad)

    return Rule(formula, True)


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
