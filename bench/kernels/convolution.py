"""Convolutions of the benchmark networks: forward, backward-input, backward-weight.

The first shape of each group is computed by im2col too, in a row of its own: what the direct convolution saves.
"""

import numpy as np

from bench.kernels.case import Case, close

__all__ = ["cases", "group_of"]


def group_of(problem):
    """The row of the table of figures that a problem belongs to."""
    stride = f"/{problem.SW}" if problem.SW > 1 else ""
    if problem.ndim == 1:
        return f"conv1d {problem.KW}{stride}"
    if problem.C in (1, 3):
        return "first layer"
    if problem.G > 1:
        return f"depthwise {problem.KH}x{problem.KW}{stride}"
    window = f"{problem.KH}x{problem.KW}{stride}"
    if problem.KH == 3 and not stride:
        return f"{window} C>=32" if problem.C >= 32 else f"{window} C={problem.C}"
    if problem.KH == 1 and not stride:
        return f"{window} C>=64" if problem.C >= 64 else f"{window} C<64"
    return window


def cases(only=""):
    """Cases one after the other; the arrays of one problem are freed before the next is made."""
    from tinydl.testing.problems import CONVS, select

    seen, groups = set(), set()
    for problem in select(CONVS, "bench"):
        if problem.geometry in seen:
            continue
        seen.add(problem.geometry)
        group = group_of(problem)
        # nobody asks for the gradient of the first layer's input
        kernels = ["forward", "backward_weight"] if problem.C in (1, 3) else ["forward", "backward_input",
                                                                              "backward_weight"]
        algorithms = [(group, _direct)] if group in groups else [(group, _direct), (f"{group}, im2col", _im2col)]
        groups.add(group)
        for named, algorithm in algorithms:
            wanted = [kernel for kernel in kernels if only in f"{named} {problem.name} conv_{kernel}"]
            if wanted:
                yield from _cases_of(problem, named, wanted, *algorithm())


def _direct():
    from tinydl._core import conv

    return conv.conv_forward, conv.conv_backward_input, conv.conv_backward_weight


def _im2col():
    from tinydl.ops.conv_im2col import backward, forward

    def backward_input(dy, w, dx, geometry, n_threads):
        backward(None, dy, w, dx, None, None, geometry, None, None, None, n_threads)

    def backward_weight(x, dy, dw, db, geometry, on_x, n_threads):
        backward(x, dy, None, None, dw, db, geometry, on_x, None, None, n_threads)

    return forward, backward_input, backward_weight


def _cases_of(problem, group, kernels, forward, backward_input, backward_weight):
    from tinydl import layout
    from tinydl._core.reference import conv as reference

    name, geometry, n, o = problem.name, problem.geometry, problem.N, problem.O
    rng = np.random.default_rng(0)

    def random(shape):
        a = layout.empty(shape)
        a[...] = rng.standard_normal(shape, np.float32)
        return a

    x, dy, weight = random(problem.x_shape), random(problem.y_shape), layout.parameter_like(
        rng.standard_normal(problem.w_shape, np.float32))
    y, dx, dw, db = layout.empty_like(dy), layout.empty_like(x), layout.zeros_like(weight), np.zeros(o, np.float32)
    ends = [0, n - 1]  # the reference is slow: it sees the first and the last image of the timed batch
    small = (2, *geometry[1:])

    def check_forward(n_threads):
        forward(x, weight, None, y, geometry, None, None, n_threads)
        want = np.empty_like(y[ends])
        reference.conv_forward(x[ends], weight, None, want, small, None, None, 1)
        close(y[ends], want, f"{name} forward")

    def check_input(n_threads):
        backward_input(dy, weight, dx, geometry, n_threads)
        want = np.empty_like(dx[ends])
        reference.conv_backward_input(dy[ends], weight, want, small, 1)
        close(dx[ends], want, f"{name} backward_input")

    def check_weight(n_threads):
        sparse = layout.zeros_like(dy)  # gradients of the two images only: all of the batch is summed, zeros too
        sparse[ends] = dy[ends]
        backward_weight(x, sparse, dw, db, geometry, None, n_threads)
        want, want_b = np.empty(weight.shape, np.float32), np.empty(o, np.float32)
        reference.conv_backward_weight(x[ends], dy[ends], want, want_b, small, None, 1)
        close(dw, want, f"{name} backward_weight")
        close(db, want_b, f"{name} bias gradient")

    calls = {
        "forward": (lambda t: forward(x, weight, None, y, geometry, None, None, t), check_forward),
        "backward_input": (lambda t: backward_input(dy, weight, dx, geometry, t), check_input),
        "backward_weight": (lambda t: backward_weight(x, dy, dw, None, geometry, None, t), check_weight),
    }
    nbytes = 4.0 * (x.size + dy.size + weight.size)
    for kernel in kernels:
        yield Case(name, group, f"conv_{kernel}", 2.0 * problem.macs, nbytes, *calls[kernel])
