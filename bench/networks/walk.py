"""Walk through a network's layers: the shape after each, its parameters in order, its multiply-adds."""

import math

import numpy as np

__all__ = ["batch", "each_axis", "parameter_shapes", "step_flops", "steps", "trained",
           "weights"]


def each_axis(number, n_axes):
    """A number of a layer as one number an axis."""
    return number if isinstance(number, tuple) else (number,) * n_axes


def steps(net):
    """Yield (layer, shape of one sample before it, after it) in the order of definition, residual blocks opened.

    A residual block itself comes after its main path and its shortcut, as ("add",).
    """
    yield from _steps(net.layers, net.shape)[0]


def _steps(layers, shape):
    found = []
    for layer in layers:
        before = shape
        if layer[0] == "residual":
            main, shape = _steps(layer[1], before)
            short, other = _steps(layer[2], before)
            if shape != other:
                raise ValueError(f"a residual block adds {shape} and {other}")
            found += [*main, *short, (("add",), shape, shape)]
            continue
        shape = _shape_after(layer, before)
        found.append((layer, before, shape))
    return found, shape


def _shape_after(layer, shape):
    kind = layer[0]
    if kind == "conv":
        _, out, *numbers, _, _, _ = layer
        numbers = [each_axis(number, len(shape) - 1) for number in numbers]
        return (out, *((n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape[1:], *numbers, strict=True)))
    if kind == "maxpool":
        return (shape[0], *(n // layer[1] for n in shape[1:]))
    if kind == "gap":
        return shape[:1]
    if kind == "flatten":
        return (math.prod(shape),)
    if kind == "linear":
        return (layer[1],)
    return shape


def parameter_shapes(net):
    """[(kind, logical shape)] in order; kinds: conv, linear (weights), bias, gamma, beta."""
    found = []
    for layer, before, after in steps(net):
        if layer[0] == "conv":
            found.append(("conv", (after[0], before[0] // layer[6], *each_axis(layer[2], len(before) - 1))))
            found += [("bias", after[:1])] if layer[5] else []
        elif layer[0] == "linear":
            found.append(("linear", (after[0], before[0])))
            found += [("bias", after)] if layer[2] else []
        elif layer[0] == "bn":
            found += [("gamma", before[:1]), ("beta", before[:1])]
    return found


def trained(net):
    """Whether each of these parameters is trained, in the same order."""
    found = []
    for layer, *_ in steps(net):
        if layer[0] == "conv":
            found += [layer[7], *[True] * layer[5]]
        elif layer[0] == "linear":
            found += [True] * (1 + layer[2])
        elif layer[0] == "bn":
            found += [layer[1], True]
    return found


def weights(net, seed=0):
    """Initial parameters in order, float32, logical shapes: uniform fan-in, 1 and 0 for norms."""
    rng, arrays, bound = np.random.default_rng(seed), [], 0.0
    for kind, shape in parameter_shapes(net):
        if kind in ("conv", "linear"):
            bound = math.prod(shape[1:]) ** -0.5
        if kind in ("gamma", "beta"):
            arrays.append(np.full(shape, kind == "gamma", np.float32))
        else:
            arrays.append(rng.uniform(-bound, bound, shape).astype(np.float32))
    total = sum(a.size for a in arrays)
    if total != net.params:
        raise ValueError(f"{net.name} has {total} parameters, the table says {net.params}")
    return arrays


def batch(net, size, seed=1):
    """Inputs (N, C, ...) float32 and labels (N,) int64."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((size, *net.shape)).astype(np.float32), rng.integers(0, 10, size)


def layer_macs(net):
    """Multiply-adds per sample of each conv and linear layer, in order."""
    found = []
    for layer, before, after in steps(net):
        if layer[0] == "conv":
            found.append(math.prod(after) * before[0] // layer[6] * math.prod(each_axis(layer[2], len(before) - 1)))
        elif layer[0] == "linear":
            found.append(before[0] * after[0])
    if sum(found) != net.macs:
        raise ValueError(f"{net.name} has {sum(found)} multiply-adds, the table says {net.macs}")
    return found


def step_flops(net, size):
    """Floating-point operations of a training step: 2 x (3 per forward multiply-add).

    The first layer's input needs no gradient, and filters that are not trained need none.
    """
    macs, layers = layer_macs(net), [layer for layer, *_ in steps(net) if layer[0] in ("conv", "linear")]
    idle = sum(m for m, layer in zip(macs, layers, strict=True) if layer[0] == "conv" and not layer[7])
    return 2 * size * (3 * net.macs - macs[0] - idle)
