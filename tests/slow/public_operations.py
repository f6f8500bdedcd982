"""Calls of the functions of tinydl.ops, drawn at random, and what PyTorch makes of them; the rest: public_kernels.py.

A row is a function of a random generator that gives (arguments, ours, theirs): ours(*arguments) is the call, and
theirs(torch, *arguments) the same with tensors of PyTorch in the place of arrays; None where there is no judge.
"""

from arguments import Whole, maybe, normal, pick, shape, sizes

from tinydl import ops

ROWS = {}


def row(draw):
    ROWS[draw.__name__.strip("_")] = draw
    return draw


def axis_or_none(rng, n):
    """None, an axis or some of them."""
    kind = rng.integers(4)
    if kind == 0 or not n:
        return None
    if kind == 3:
        chosen = [int(k) for k in rng.permutation(n)[:rng.integers(1, n + 1)]]
        return tuple(k - n if maybe(rng) else k for k in chosen)
    return int(rng.integers(-n, n))


# --- element by element ----------------------------------------------------------------------------------------------

def unary(name, theirs, least=0):
    ROWS[name] = lambda rng: ([normal(rng, *shape(rng, least))], getattr(ops, name), theirs)


for _name in ("abs", "cos", "exp", "log", "neg", "relu", "sigmoid", "sin", "sqrt", "tanh"):
    unary(_name, lambda T, x, name=_name: getattr(T, name)(x))
unary("sign", lambda T, x: T.where(x.isnan(), x, T.sign(x)))  # NaN of NaN, as in NumPy
# PyTorch has NaN at -inf, where x times a 0 is meant as its limit.
unary("gelu", lambda T, x: T.nn.functional.gelu(x.clamp(min=-1e3)))
unary("gelu_tanh", lambda T, x: T.nn.functional.gelu(x.clamp(min=-1e3), approximate="tanh"))
unary("hardswish", lambda T, x: T.nn.functional.hardswish(x.clamp(min=-1e3)))
unary("silu", lambda T, x: T.nn.functional.silu(x.clamp(min=-1e3)))
unary("mish", lambda T, x: T.nn.functional.mish(x.clamp(min=-1e3)))


@row
def leaky_relu(rng):
    return [normal(rng, *shape(rng)), float(rng.normal())], ops.leaky_relu, \
        lambda T, x, slope: T.nn.functional.leaky_relu(x, slope)


@row
def elu(rng):
    return [normal(rng, *shape(rng)), float(rng.uniform(0, 2))], ops.elu, lambda T, x, a: T.nn.functional.elu(x, a)


def met(rng):
    """Two shapes that broadcast."""
    one = list(shape(rng))
    other = [1 if maybe(rng, 0.3) else n for n in one][len(one) - int(rng.integers(len(one) + 1)):]
    one = [1 if maybe(rng, 0.1) else n for n in one]
    return (one, other) if maybe(rng) else (other, one)


def binary(name, theirs):
    def draw(rng):
        one, other = met(rng)
        return [normal(rng, *one), normal(rng, *other)], getattr(ops, name), theirs
    ROWS[name] = draw


for _name in ("add", "div", "maximum", "minimum", "mul", "sub"):
    binary(_name, lambda T, x, y, name=_name: getattr(T, name)(x, y))


@row
def power(rng):
    one, other = met(rng)
    y = normal(rng, *other) if maybe(rng, 0.3) else float(rng.integers(-2, 4)) if maybe(rng) else int(rng.integers(4))
    return [normal(rng, *one), y], ops.power, lambda T, x, y: T.pow(x, y)


@row
def clip(rng):
    one, other = met(rng)
    low, high = sorted(rng.normal(size=2))
    kind = rng.integers(4)
    low = None if kind == 0 else float(low)
    high = None if kind == 1 else normal(rng, *other) if kind == 2 else float(high)
    return [normal(rng, *one), low, high], ops.clip, lambda T, x, low, high: T.clamp(
        x, *(v if v is None or T.is_tensor(high) is False else T.as_tensor(v, dtype=x.dtype) for v in (low, high)))


@row
def where(rng):
    one, other = met(rng)
    condition = rng.random(sizes(rng, 0) if maybe(rng, 0.2) else one) < 0.5
    return [Whole(condition), normal(rng, *one), normal(rng, *other)], ops.where, lambda T, c, x, y: T.where(c, x, y)


@row
def dropout(rng):
    def theirs(T, x, p, training):
        if training and p not in (0, 1):
            raise ValueError  # random
        return T.zeros_like(x) if training and p == 1 else x

    p = pick(rng, 0.0, 1.0, 0.5, float(rng.random()))
    return [normal(rng, *shape(rng)), p, maybe(rng, 0.7)], ops.dropout, theirs


# --- reductions ------------------------------------------------------------------------------------------------------

def reduced(name, theirs):
    def draw(rng):
        dims = shape(rng)
        return [normal(rng, *dims), axis_or_none(rng, len(dims)), maybe(rng)], getattr(ops, name), theirs
    ROWS[name] = draw


def all_axes(x, axis):
    if axis in ((), []):
        raise ValueError  # none, as in NumPy; PyTorch takes all
    return tuple(range(x.ndim)) if axis is None else axis


for _name in ("amax", "amin", "mean", "sum"):
    reduced(_name.removeprefix("a"), lambda T, x, axis, keepdims, name=_name: getattr(T, name)(
        x, all_axes(x, axis), keepdims) if x.ndim else x)


def spread(name):
    def draw(rng):
        dims = shape(rng, 1)
        return [normal(rng, *dims), axis_or_none(rng, len(dims)), maybe(rng), pick(rng, 0, 1, 1, 2)], \
            lambda x, axis, keepdims, correction: getattr(ops, name)(
                x, axis, keepdims=keepdims, correction=correction), \
            lambda T, x, axis, keepdims, correction: getattr(T, name)(
                x, all_axes(x, axis), correction=correction, keepdim=keepdims) if correction >= 0 else None
    ROWS[name] = draw


spread("var")
spread("std")


def placed(name):
    def draw(rng):
        dims = shape(rng)
        axis = None if maybe(rng, 0.3) or not dims else int(rng.integers(-len(dims), len(dims)))
        return [normal(rng, *dims), axis], getattr(ops, name), lambda T, x, axis: getattr(T, name)(x, axis)
    ROWS[name] = draw


placed("argmax")
placed("argmin")


# --- shapes ----------------------------------------------------------------------------------------------------------

@row
def reshape(rng):
    dims = list(shape(rng))
    to = [dims[k] for k in rng.permutation(len(dims))]
    if len(to) > 1 and maybe(rng):
        to[:2] = [to[0] * to[1]]
    if to and maybe(rng, 0.4):
        to[rng.integers(len(to))] = -1
    return [normal(rng, *dims), tuple(to)], ops.reshape, lambda T, x, to: x.reshape(to)


@row
def flatten(rng):
    dims = shape(rng)
    first, last = sorted(int(k) for k in rng.integers(0, max(len(dims), 1), 2))
    return [normal(rng, *dims), first, last - len(dims) if dims and maybe(rng) else last], ops.flatten, \
        lambda T, x, first, last: T.flatten(x, first, last)


@row
def permute(rng):
    dims = shape(rng)
    order = tuple(int(k) for k in rng.permutation(len(dims)))
    return [normal(rng, *dims), order], ops.permute, lambda T, x, order: x.permute(order)


@row
def transpose(rng):
    dims = shape(rng, 1)
    a, b = (int(k) for k in rng.integers(-len(dims), len(dims), 2))
    return [normal(rng, *dims), a, b], ops.transpose, lambda T, x, a, b: x.transpose(a, b)


@row
def squeeze(rng):
    dims = tuple(1 if maybe(rng, 0.4) else n for n in shape(rng))
    ones = [k for k, n in enumerate(dims) if n == 1]
    axis = None if not ones or maybe(rng, 0.3) else pick(rng, *ones) if maybe(rng) else tuple(ones)
    return [normal(rng, *dims), axis], ops.squeeze, lambda T, x, axis: x.squeeze() if axis is None else x.squeeze(axis)


@row
def unsqueeze(rng):
    dims = shape(rng)
    return [normal(rng, *dims), int(rng.integers(-len(dims) - 1, len(dims) + 1))], ops.unsqueeze, \
        lambda T, x, axis: x.unsqueeze(axis)


@row
def broadcast_to(rng):
    one, _ = met(rng)
    to = (*sizes(rng, int(rng.integers(2))), *[int(rng.choice([2, 3])) if n == 1 and maybe(rng) else n for n in one])
    return [normal(rng, *one), to], ops.broadcast_to, lambda T, x, to: T.broadcast_to(x, to)


@row
def pad(rng):
    mode = pick(rng, "constant", "constant", "reflect", "replicate", "circular")
    dims = shape(rng, 1) if mode == "constant" else sizes(rng, int(rng.integers(3, 5)))
    n = int(rng.integers(1, len(dims) + 1)) if mode == "constant" else len(dims) - 2
    widths = tuple(int(k) for k in rng.integers(0, 3, 2 * n))
    return [normal(rng, *dims), widths, mode, float(rng.normal())], ops.pad, \
        lambda T, x, widths, mode, value: T.nn.functional.pad(x, widths, mode, value if mode == "constant" else None)


@row
def astype(rng):
    return [normal(rng, *shape(rng)), pick(rng, "float32", "float64", "int64", "bool", "uint8")], ops.astype, \
        lambda T, x, dtype: x.to(getattr(T, dtype))


@row
def index(rng):
    dims = shape(rng, 1)
    key = []
    for n in dims[:rng.integers(1, len(dims) + 1)]:
        kind = rng.integers(4)
        if kind == 0 and n and not any(isinstance(k, list) for k in key):
            key.append(int(rng.integers(-n, n)))
        elif kind == 1 and n and not any(isinstance(k, int) for k in key):  # PyTorch takes numbers first, then lists
            key.append([int(k) for k in rng.integers(-n, n, 3)])
        else:
            key.append(slice(*sorted(int(k) for k in rng.integers(0, n + 1, 2)), int(rng.integers(1, 3))))
    if sum(isinstance(k, list) for k in key) > 1 or maybe(rng, 0.1):
        key = [...]
    return [normal(rng, *dims), tuple(key)], ops.index, lambda T, x, key: x[key]


def joined(name, theirs):
    def draw(rng):
        dims = list(shape(rng, 1))
        axis = int(rng.integers(-len(dims), len(dims)))
        other = list(dims)
        if name == "concatenate":
            other[axis] = sizes(rng, 1)[0]
        call = getattr(ops, name)
        return [normal(rng, *dims), normal(rng, *other), axis], lambda x, y, axis: call([x, y], axis), \
            lambda T, x, y, axis: theirs(T)([x, y], axis)
    ROWS[name] = draw


joined("concatenate", lambda T: T.cat)
joined("stack", lambda T: T.stack)
