"""Calls of the products, windows, norms and losses of tinydl.ops, in the form of public_operations.py."""

import math

import numpy as np
from arguments import Real, Whole, maybe, normal, pick, shape, sizes
from public_operations import ROWS, met, row

from tinydl import ops

# --- products --------------------------------------------------------------------------------------------------------

@row
def matmul(rng):
    m, k, n = sizes(rng, 3)
    one, other = met(rng) if maybe(rng) else ((), ())
    a, b = [*one[-2:], m, k][max(0, len(one[-2:]) + 1 if not one and maybe(rng, 0.2) else 0):], [*other[-2:], k, n]
    return [normal(rng, *a), normal(rng, *(b if other or maybe(rng, 0.8) else [k]))], ops.matmul, \
        lambda T, a, b: T.matmul(a, b)


def biased(rng, n):
    return normal(rng, n) if maybe(rng, 0.6) else None


@row
def linear(rng):
    lead, (k, o) = sizes(rng, int(rng.integers(4))), sizes(rng, 2)
    return [normal(rng, *lead, k), normal(rng, o, k), biased(rng, o)], ops.linear, \
        lambda T, x, w, b: T.nn.functional.linear(x, w, b)


def window(rng, n):
    """An integer or n of them, from 1 to 3."""
    return int(rng.integers(1, 4)) if n == 1 or maybe(rng) else tuple(int(k) for k in rng.integers(1, 4, n))


def small(rng, n):
    """The same from 0 to 2."""
    return int(rng.integers(0, 3)) if n == 1 or maybe(rng) else tuple(int(k) for k in rng.integers(0, 3, n))


def convolution(n):
    # Weights are finite: PyTorch multiplies the padding by them, and an infinite one makes it NaN.
    def draw(rng):
        groups = pick(rng, 1, 1, 2, 3)
        c, o = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        if maybe(rng, 0.2):
            groups = o = c
        w = (o, c // groups, *(int(k) for k in rng.integers(1, 5, n)))
        x = normal(rng, sizes(rng, 1)[0], c, *(int(k) for k in rng.integers(1, 10, n)))
        return [x, normal(rng, *w, finite=True), biased(rng, o), window(rng, n), small(rng, n),
                pick(rng, 1, 1, window(rng, n)), groups], \
            getattr(ops, f"conv{n}d"), lambda T, *given: getattr(T.nn.functional, f"conv{n}d")(*given)

    def transposed(rng):
        groups = pick(rng, 1, 1, 2)
        c, o = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        return [normal(rng, sizes(rng, 1)[0], c, *(int(k) for k in rng.integers(1, 7, n))),
                normal(rng, c, o // groups, *(int(k) for k in rng.integers(1, 5, n)), finite=True), biased(rng, o),
                window(rng, n), small(rng, n), pick(rng, 0, 0, 1), groups, pick(rng, 1, 1, window(rng, n))], \
            getattr(ops, f"conv_transpose{n}d"), \
            lambda T, *given: getattr(T.nn.functional, f"conv_transpose{n}d")(*given)

    ROWS[f"conv{n}d"], ROWS[f"conv_transpose{n}d"] = draw, transposed


convolution(1)
convolution(2)


@row
def unfold(rng):
    return [normal(rng, *sizes(rng, 2, 1), *sizes(rng, 2, 1)), window(rng, 2), window(rng, 2), small(rng, 2),
            window(rng, 2)], ops.unfold, lambda T, *given: T.nn.functional.unfold(*given)


@row
def fold(rng):
    output, kernel, dilation, padding, stride = (tuple(int(k) for k in rng.integers(low, high, 2))
                                                 for low, high in ((3, 9), (1, 4), (1, 3), (0, 3), (1, 4)))
    counts = [max(0, (h + 2 * p - d * (k - 1) - 1) // s + 1) for h, k, d, p, s in
              zip(output, kernel, dilation, padding, stride, strict=True)]
    x = normal(rng, *sizes(rng, 1, 1), math.prod(kernel) * int(rng.integers(1, 4)), math.prod(counts))
    return [x, output, kernel, dilation, padding, stride], ops.fold, lambda T, *given: T.nn.functional.fold(*given)


# --- pools -----------------------------------------------------------------------------------------------------------

def images(rng, n):
    return normal(rng, *sizes(rng, 2), *(int(k) for k in rng.integers(1, 10, n)))


def pools(n):
    def largest(rng):
        return [images(rng, n), window(rng, n), pick(rng, None, window(rng, n)), pick(rng, 0, 0, small(rng, n)),
                pick(rng, 1, 1, window(rng, n)), maybe(rng)], getattr(ops, f"max_pool{n}d"), \
            lambda T, *given: getattr(T.nn.functional, f"max_pool{n}d")(*given)

    def average(rng):
        return [images(rng, n), window(rng, n), pick(rng, None, window(rng, n)), pick(rng, 0, 0, small(rng, n)),
                maybe(rng), maybe(rng)], getattr(ops, f"avg_pool{n}d"), \
            lambda T, *given: getattr(T.nn.functional, f"avg_pool{n}d")(*given)

    def to_size(kind):
        name = f"adaptive_{kind}_pool{n}d"
        ROWS[name] = lambda rng: ([images(rng, n), pick(rng, 1, window(rng, n), 5)], getattr(ops, name),
                                  lambda T, *given: getattr(T.nn.functional, name)(*given))

    ROWS[f"max_pool{n}d"], ROWS[f"avg_pool{n}d"] = largest, average
    to_size("max")
    to_size("avg")


pools(1)
pools(2)


@row
def global_avg_pool(rng):
    return [images(rng, pick(rng, 1, 2))], ops.global_avg_pool, lambda T, x: x.mean(tuple(range(2, x.ndim)))


# --- norms and softmax -----------------------------------------------------------------------------------------------

def normalised(name):
    def draw(rng):
        dims = shape(rng, 1)
        return [normal(rng, *dims), int(rng.integers(-len(dims), len(dims)))], getattr(ops, name), \
            lambda T, x, axis: getattr(T, name)(x, axis)
    ROWS[name] = draw


normalised("softmax")
normalised("log_softmax")


@row
def batch_norm(rng):
    dims = shape(rng, 2)
    c, training = dims[1], maybe(rng)
    running = [normal(rng, c, written=True), Real(rng.uniform(0.5, 2, c), written=True)]
    if training and maybe(rng, 0.3):
        running = [None, None]
    # Weights are finite: of an infinite one every value of its channel is NaN here.
    affine = [normal(rng, c, finite=True), normal(rng, c, finite=True)] if maybe(rng) else [None, None]

    def theirs(T, x, w, b, mean, var, training, momentum, eps):
        y = T.nn.functional.batch_norm(x, mean, var, w, b, training, momentum, eps)
        return (y, mean, var) if training and mean is not None else y

    def ours(x, w, b, mean, var, training, momentum, eps):
        y = ops.batch_norm(x, w, b, mean, var, training, momentum, eps)
        return (y, mean, var) if training and mean is not None else y

    return [normal(rng, *dims), *affine, *running, training, float(rng.random()), float(10**rng.uniform(-6, -1))], \
        ours, theirs


@row
def layer_norm(rng):
    dims = shape(rng, 1)
    own = dims[len(dims) - int(rng.integers(1, len(dims) + 1)):]
    affine = [normal(rng, *own), normal(rng, *own)] if maybe(rng) else [None, None]
    return [normal(rng, *dims), own, *affine, float(10**rng.uniform(-6, -1))], ops.layer_norm, \
        lambda T, *given: T.nn.functional.layer_norm(*given)


@row
def group_norm(rng):
    groups = int(rng.integers(1, 4))
    c = groups * int(rng.integers(1, 4))
    affine = [normal(rng, c, finite=True), normal(rng, c, finite=True)] if maybe(rng) else [None, None]
    return [normal(rng, *sizes(rng, 1), c, *shape(rng, 0, 3)), groups, *affine, float(10**rng.uniform(-6, -1))], \
        ops.group_norm, lambda T, *given: T.nn.functional.group_norm(*given)


# --- losses ----------------------------------------------------------------------------------------------------------

def reduction(rng):
    return pick(rng, "mean", "sum", "none")


@row
def mse(rng):
    dims = shape(rng)
    return [normal(rng, *dims), normal(rng, *dims), reduction(rng)], ops.mse, \
        lambda T, x, t, reduction: T.nn.functional.mse_loss(x, t, reduction=reduction)


@row
def huber(rng):
    dims = shape(rng)
    return [normal(rng, *dims), normal(rng, *dims), reduction(rng), float(rng.uniform(0.1, 2))], ops.huber, \
        lambda T, x, t, reduction, delta: T.nn.functional.huber_loss(x, t, reduction=reduction, delta=delta)


@row
def bce_with_logits(rng):
    dims = shape(rng)
    factors = [Real(rng.uniform(0.1, 2, dims[len(dims) - int(rng.integers(len(dims) + 1)):]), gradient=False,
                    finite=True) if maybe(rng) else None for _ in range(2)]
    # An infinite logit has an infinite loss, where PyTorch has NaN.
    return [normal(rng, *dims, finite=True), Real(rng.random(dims), finite=True), factors[0], reduction(rng),
            factors[1]], ops.bce_with_logits, \
        lambda T, x, t, w, reduction, p: T.nn.functional.binary_cross_entropy_with_logits(
            x, t, w, reduction=reduction, pos_weight=p)


def classes(rng):
    """(dims, labels, weight, label that does not count) of a loss of class numbers."""
    dims = sizes(rng, 1) + (int(rng.integers(1, 6)), *sizes(rng, int(rng.integers(3)))) if maybe(rng, 0.9) else (3,)
    n = dims[1] if len(dims) > 1 else dims[0]
    labels = rng.integers(0, n, (*dims[:1], *dims[2:]) if len(dims) > 1 else ())
    ignored = pick(rng, -100, -100, 0)
    if maybe(rng, 0.2):
        labels = np.where(rng.random(labels.shape) < 0.3, ignored, labels)
    weight = Real(rng.uniform(0.1, 2, n), gradient=False) if maybe(rng, 0.4) else None
    return dims, Whole(labels), weight, ignored


def some_classes(x):
    """The logits, where there are classes: of none PyTorch's smoothed loss is NaN also in a row that does not count."""
    if not x.shape[min(1, x.ndim - 1)]:
        raise ValueError("no judge")
    return x


@row
def cross_entropy(rng):
    dims, labels, weight, ignored = classes(rng)
    return [normal(rng, *dims), labels, weight, ignored, reduction(rng), pick(rng, 0.0, 0.0, float(rng.random()))], \
        ops.cross_entropy, lambda T, x, y, w, ignored, reduction, s: T.nn.functional.cross_entropy(
            some_classes(x), y.long(), w, ignore_index=ignored, reduction=reduction, label_smoothing=s)


@row
def nll(rng):
    dims, labels, weight, ignored = classes(rng)
    return [normal(rng, *dims), labels, weight, ignored, reduction(rng)], ops.nll, \
        lambda T, x, y, w, ignored, reduction: T.nn.functional.nll_loss(
            x, y.long(), w, ignore_index=ignored, reduction=reduction)
