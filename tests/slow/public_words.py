"""Calls of the operations that PyTorch's scripts name beside the older ones, in the form of public_operations.py."""

import math

import numpy as np
from arguments import Real, Whole, maybe, normal, pick, shape, sizes
from public_kernels import images, reduction, window
from public_operations import axis_or_none, met

import tinydl as td
from tinydl import ops

ROWS: dict = {}


def row(draw):
    ROWS[draw.__name__.strip("_")] = draw
    return draw


# --- element by element ----------------------------------------------------------------------------------------------

def unary(name, theirs):
    ROWS[name] = lambda rng: ([normal(rng, *shape(rng))], getattr(ops, name), theirs)


unary("selu", lambda T, x: T.nn.functional.selu(x))
unary("relu6", lambda T, x: T.nn.functional.relu6(x))
unary("softsign", lambda T, x: T.nn.functional.softsign(x.clamp(-1e9, 1e9)))  # of inf PyTorch has NaN
unary("log_sigmoid", lambda T, x: T.nn.functional.logsigmoid(x))
# PyTorch's gradient of NaN is 0, and 1/6 is a float32 there.
unary("hardsigmoid", lambda T, x: T.clamp((x + 3) / 6, 0, 1))
ROWS["softplus"] = lambda rng: ([normal(rng, *shape(rng)), float(rng.uniform(0.3, 3))], ops.softplus,
                                lambda T, x, beta: T.nn.functional.softplus(x, beta))
for _name in ("isfinite", "isinf", "isnan", "ceil", "floor", "round", "trunc"):
    unary(_name, lambda T, x, name=_name: getattr(T, name)(x).detach())


def compared(name):
    def draw(rng):
        one, other = met(rng)
        return [normal(rng, *one), normal(rng, *other)], getattr(ops, name), lambda T, x, y: getattr(T, name)(x, y)
    ROWS[name] = draw


for _name in ("eq", "ge", "gt", "le", "lt", "ne", "logical_and", "logical_or"):
    compared(_name)
unary("logical_not", lambda T, x: T.logical_not(x))


def reduced(name):
    def draw(rng):
        dims = shape(rng, 1)
        return [Whole(rng.random(dims) < 0.5), axis_or_none(rng, len(dims)), maybe(rng)], getattr(ops, name), \
            lambda T, x, axis, keepdims: getattr(T, name)(
                x, tuple(range(x.ndim)) if axis is None else axis, keepdims) if axis != () else None
    ROWS[name] = draw


reduced("all")
reduced("any")


# --- order and parts -------------------------------------------------------------------------------------------------

def along(rng, least=1):
    dims = shape(rng, least)
    return dims, int(rng.integers(-len(dims), len(dims)))


def apart(rng, dims):
    """Numbers of which no two are equal: which of equal ones comes first is a matter of taste."""
    return Real(rng.permutation(math.prod(dims)).reshape(dims) / 7.0 - 2, finite=True)


@row
def sort(rng):
    dims, axis = along(rng)
    return [apart(rng, dims), axis, maybe(rng)], lambda x, axis, down: tuple(ops.sort(x, axis, down)), \
        lambda T, x, axis, down: tuple(T.sort(x, axis, down))


@row
def argsort(rng):
    dims, axis = along(rng)
    return [apart(rng, dims), axis, maybe(rng)], ops.argsort, lambda T, x, axis, down: T.argsort(x, axis, down)


def largest_twice(x, k, axis, largest):
    """The values, and what is at the places: which of equal entries these are PyTorch leaves open."""
    values, places = ops.topk(x, k, axis, largest)
    return values, np.take_along_axis(x.numpy() if isinstance(x, td.Tensor) else np.asarray(x), places.numpy(), axis)


@row
def topk(rng):
    dims, axis = along(rng)
    return [apart(rng, dims), int(rng.integers(0, dims[axis] + 1)), axis, maybe(rng)], \
        largest_twice, lambda T, *given: (T.topk(*given)[0],) * 2


@row
def gather(rng):
    dims, axis = along(rng)
    n = dims[axis]
    places = rng.integers(0, n, dims) if n else np.zeros(dims, np.int64)
    return [normal(rng, *dims), axis, Whole(places)], ops.gather, lambda T, x, axis, i: T.gather(x, axis, i.long())


@row
def split(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims), int(rng.integers(1, 4)), axis], ops.split, lambda T, *given: T.split(*given)


@row
def chunk(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims), int(rng.integers(1, 4)), axis], ops.chunk, \
        lambda T, x, n, axis: T.chunk(x, n, axis) if x.shape[axis] else None


@row
def unbind(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims), axis], lambda x, axis: ops.unbind(x, axis) or np.zeros(0), \
        lambda T, *given: T.unbind(*given)


@row
def flip(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims), axis], ops.flip, lambda T, x, axis: T.flip(x, (axis,))


@row
def repeat(rng):
    dims = shape(rng)
    times = tuple(int(k) for k in rng.integers(1, 3, len(dims) + int(rng.integers(2))))
    return [normal(rng, *dims), times], ops.repeat, lambda T, x, times: x.repeat(times)


@row
def expand(rng):
    one, _ = met(rng)
    to = [2 if n == 1 and maybe(rng) else pick(rng, n, -1) for n in one]
    return [normal(rng, *one), tuple(to)], ops.expand, lambda T, x, to: x.expand(to)


@row
def cumsum(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims), axis], ops.cumsum, lambda T, *given: T.cumsum(*given)


@row
def prod(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims, finite=True), axis, maybe(rng)], ops.prod, lambda T, *given: T.prod(*given)


# --- lengths and channels --------------------------------------------------------------------------------------------

@row
def norm(rng):
    dims = tuple(max(1, n) for n in shape(rng, 1))
    return [normal(rng, *dims, finite=True), pick(rng, 2.0, 1.0, 3.0), axis_or_none(rng, len(dims)), maybe(rng)], \
        ops.norm, lambda T, x, p, axis, keep: T.linalg.vector_norm(x, p, axis, keep) if axis not in ((), []) else None


@row
def normalize(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims, finite=True), 2.0, axis, 1e-12], ops.normalize, \
        lambda T, x, p, axis, eps: T.nn.functional.normalize(x, p, axis, eps) if axis not in ((), []) else None


def angle_of(T, x, y, axis, eps):
    """PyTorch's, but that its gradient does not see where eps cuts a length."""
    x, y = T.broadcast_tensors(x, y)
    if eps < 1e-6:
        return T.nn.functional.cosine_similarity(x, y, axis, eps)
    x, y = (v / v.norm(dim=axis, keepdim=True).clamp_min(eps) for v in (x, y))
    return (x * y).sum(axis)


@row
def cosine_similarity(rng):
    dims, axis = along(rng)
    return [normal(rng, *dims, finite=True), normal(rng, *dims, finite=True), axis, 1e-8], ops.cosine_similarity, \
        angle_of


@row
def glu(rng):
    dims, axis = along(rng)
    dims = list(dims)
    dims[axis] *= 2
    return [normal(rng, *dims), axis], ops.glu, lambda T, *given: T.nn.functional.glu(*given)


@row
def prelu(rng):
    dims = (*sizes(rng, 1), int(rng.integers(1, 4)), *shape(rng, 0, 2))
    return [normal(rng, *dims, finite=True), normal(rng, pick(rng, 1, dims[1]), finite=True)], ops.prelu, \
        lambda T, *given: T.nn.functional.prelu(*given)


@row
def instance_norm(rng):
    dims = (*sizes(rng, 1), int(rng.integers(1, 4)), *(int(k) for k in rng.integers(2, 5, 2)))
    # An infinite weight makes infinities of both signs here, of one sign and NaN in PyTorch.
    return [normal(rng, *dims), *(normal(rng, dims[1], finite=True) if maybe(rng) else None for _ in range(2)), 1e-5], \
        ops.instance_norm, lambda T, x, w, b, eps: T.nn.functional.instance_norm(x, weight=w, bias=b, eps=eps)


@row
def local_response_norm(rng):
    return [images(rng, 2), int(rng.integers(1, 4)), float(rng.random()), 0.75, 1.0], ops.local_response_norm, \
        lambda T, x, *given: T.nn.functional.local_response_norm(x, *given) if x.numel() else None


@row
def lp_pool2d(rng):
    x = images(rng, 2)
    return [Real(np.abs(x.array) + 0.1, finite=True), pick(rng, 1.0, 2.0, 3.0), window(rng, 2), None], ops.lp_pool2d, \
        lambda T, x, *given: T.nn.functional.lp_pool2d(x, *given) if (x > 0).all() else None


@row
def pixel_shuffle(rng):
    r = int(rng.integers(1, 4))
    return [normal(rng, *sizes(rng, 1), r * r * int(rng.integers(1, 3)), *sizes(rng, 2)), r], ops.pixel_shuffle, \
        lambda T, *given: T.nn.functional.pixel_shuffle(*given)


@row
def channel_dropout(rng):
    def theirs(T, x, p, training):
        if training and p:
            raise ValueError  # random
        return x
    return [images(rng, 2), pick(rng, 0.0, 0.5), maybe(rng)], ops.channel_dropout, theirs


@row
def interpolate(rng):
    x = Real(rng.standard_normal((*sizes(rng, 2), *(int(k) for k in rng.integers(1, 6, 2)))), finite=True)
    size = tuple(int(k) for k in rng.integers(1, 8, 2))
    mode = pick(rng, "nearest", "bilinear")
    return [x, size, None, mode, mode == "bilinear" and maybe(rng)], ops.interpolate, \
        lambda T, x, size, factor, mode, corners: T.nn.functional.interpolate(
            x, size, factor, mode, corners if mode == "bilinear" else None) if x.numel() else None


@row
def one_hot(rng):
    return [Whole(rng.integers(0, 4, shape(rng))), 5], ops.one_hot, \
        lambda T, x, n: T.nn.functional.one_hot(x.long(), n)


@row
def embedding(rng):
    return [Whole(rng.integers(0, 4, shape(rng))), normal(rng, 4, 3), pick(rng, None, 2)], ops.embedding, \
        lambda T, x, w, padding: T.nn.functional.embedding(x.long(), w, padding)


# --- losses ----------------------------------------------------------------------------------------------------------

def loss(name, theirs, prepare=lambda rng, dims: (normal(rng, *dims, finite=True), normal(rng, *dims, finite=True))):
    def draw(rng):
        return [*prepare(rng, shape(rng)), reduction(rng)], getattr(ops, name), \
            lambda T, x, t, reduction: theirs(T.nn.functional)(x, t, reduction=reduction)
    ROWS[name] = draw


def probabilities(rng, dims):
    edges = rng.integers(0, 2, dims)  # what a sigmoid becomes, and labels are
    x, t = (np.where(rng.random(dims) < 0.2, edges, rng.uniform(0.05, 0.95, dims)) for _ in range(2))
    return Real(x, finite=True), Real(t, finite=True)


loss("l1", lambda F: F.l1_loss)
loss("smooth_l1", lambda F: F.smooth_l1_loss)
loss("kl_div", lambda F: F.kl_div, lambda rng, dims: (normal(rng, *dims, finite=True), Real(
    rng.uniform(0.05, 1, dims), finite=True)))


@row
def bce(rng):
    return [*probabilities(rng, shape(rng)), None, reduction(rng)], ops.bce, \
        lambda T, x, t, w, reduction: T.nn.functional.binary_cross_entropy(x, t, w, reduction=reduction)


@row
def multilabel_soft_margin(rng):
    dims = (*sizes(rng, 1), int(rng.integers(1, 5)))
    return [normal(rng, *dims, finite=True), Real(rng.random(dims), finite=True), None, reduction(rng)], \
        ops.multilabel_soft_margin, \
        lambda T, x, t, w, reduction: T.nn.functional.multilabel_soft_margin_loss(x, t, w, reduction=reduction)


@row
def cosine_embedding(rng):
    dims = (*sizes(rng, 1), int(rng.integers(1, 5)))
    return [normal(rng, *dims, finite=True), normal(rng, *dims, finite=True), Whole(rng.choice([-1, 1], dims[0])),
            float(rng.random()), reduction(rng)], ops.cosine_embedding, \
        lambda T, x, y, t, margin, reduction: T.nn.functional.cosine_embedding_loss(x, y, t, margin,
                                                                                    reduction=reduction)


@row
def triplet_margin(rng):
    dims = (*sizes(rng, 1), int(rng.integers(1, 5)))
    return [*(normal(rng, *dims, finite=True) for _ in range(3)), float(rng.random()), 2.0, 1e-6, reduction(rng)], \
        ops.triplet_margin, lambda T, a, p, n, margin, order, eps, reduction: T.nn.functional.triplet_margin_loss(
            a, p, n, margin, order, eps, reduction=reduction)


@row
def focal(rng):
    dims = shape(rng)
    return [normal(rng, *dims, finite=True), Real(rng.random(dims), finite=True), float(rng.random()), 2.0,
            reduction(rng)], ops.focal, None
