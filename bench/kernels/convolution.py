"""Convolutions of the benchmark networks: forward, backward-input, backward-weight."""

import numpy as np

from bench.kernels.case import Case, close
from bench.networks import walk
from bench.networks.table import NETWORKS

__all__ = ["cases", "shapes"]


def shapes():
    """Every different convolution of the networks: {geometry: name}, in order of appearance."""
    found = {}
    for net in NETWORKS.values():
        first = True
        for layer, before, after in walk.steps(net):
            if layer[0] != "conv":
                continue
            _, out, k, stride, padding, _ = layer
            (h, w), (p, q) = ((1, *before[1:]), (1, *after[1:])) if len(before) == 2 else (before[1:], after[1:])
            kh, sh, ph = (1, 1, 0) if len(before) == 2 else (k, stride, padding)
            geometry = (net.batch, before[0], h, w, out, kh, k, sh, stride, ph, padding, 1, 1, 1, p, q)
            window, size = (f"{k}", f"{w}") if len(before) == 2 else (f"{k}x{k}", f"{h}x{w}")
            name = f"{window}{f'/{stride}' if stride > 1 else ''} {before[0]}>{out} @{size} batch {net.batch}"
            found.setdefault(geometry, (name, first))
            first = False
    return found


def group_of(geometry, first):
    """The row of the table of targets that a shape belongs to."""
    _, c, h, _, o, kh, kw, *_ = geometry
    if h == 1:
        return "conv1d 80/16" if kw == 80 else "conv1d 3"
    if first:
        return "first layer"
    if kh == 3:
        return "3x3 C>=32" if min(c, o) >= 32 else "3x3 C<32"
    if kh == 1:
        return "1x1 C>=64" if c >= 64 else "1x1 C<64"
    return f"{kh}x{kw}"


def cases(only=""):
    """Cases one after the other; the arrays of one are freed before the next is made."""
    for geometry, (name, first) in shapes().items():
        group = group_of(geometry, first)
        kernels = ("forward", "backward_weight") if first else ("forward", "backward_input", "backward_weight")
        if any(only in f"{group} {name} conv_{kernel}" for kernel in kernels):
            yield from (case for case in _cases_of(geometry, name, group, kernels)
                        if only in f"{group} {name} {case.kernel}")


def _cases_of(geometry, name, group, kernels):
    from tinydl import layout
    from tinydl._core import conv
    from tinydl._core.reference import conv as reference

    n, c, h, w, o, kh, kw, *_, p, q = geometry
    rng = np.random.default_rng(0)

    def random(*shape):
        a = layout.empty(shape)
        a[...] = rng.standard_normal(shape, np.float32)
        return a

    x, y, dy = random(n, c, h, w), layout.empty((n, o, p, q)), random(n, o, p, q)
    dx, weight = layout.empty((n, c, h, w)), layout.parameter_like(rng.standard_normal((o, c, kh, kw), np.float32))
    dw, db = layout.zeros_like(weight), np.zeros(o, np.float32)
    ends = [0, n - 1]  # the reference is slow: it sees the first and the last image of the timed batch
    small = (2, *geometry[1:])

    def check_forward(n_threads):
        conv.conv_forward(x, weight, None, y, geometry, n_threads)
        want = np.empty((2, o, p, q), np.float32)
        reference.conv_forward(x[ends], weight, None, want, small, 1)
        close(y[ends], want, f"{name} forward")

    def check_input(n_threads):
        conv.conv_backward_input(dy, weight, dx, geometry, n_threads)
        want = np.empty((2, c, h, w), np.float32)
        reference.conv_backward_input(dy[ends], weight, want, small, 1)
        close(dx[ends], want, f"{name} backward_input")

    def check_weight(n_threads):
        sparse = layout.zeros_like(dy)  # gradients of the two images only: all of the batch is summed, zeros too
        sparse[ends] = dy[ends]
        conv.conv_backward_weight(x, sparse, dw, db, False, geometry, n_threads)
        want, want_b = np.empty(weight.shape, np.float32), np.empty(o, np.float32)
        reference.conv_backward_weight(x[ends], dy[ends], want, want_b, False, small, 1)
        close(dw, want, f"{name} backward_weight")
        close(db, want_b, f"{name} bias gradient")

    calls = {
        "forward": (lambda t: conv.conv_forward(x, weight, None, y, geometry, t), check_forward),
        "backward_input": (lambda t: conv.conv_backward_input(dy, weight, dx, geometry, t), check_input),
        "backward_weight": (lambda t: conv.conv_backward_weight(x, dy, dw, None, False, geometry, t), check_weight),
    }
    flops = 2.0 * n * p * q * o * c * kh * kw
    nbytes = 4.0 * (x.size + dy.size + weight.size)
    for kernel in kernels:
        yield Case(name, group, f"conv_{kernel}", flops, nbytes, *calls[kernel])
