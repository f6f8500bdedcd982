"""Arrays of one convolution, and runs of a set of kernels on them with guards around outputs and inputs unchanged."""

import dataclasses

import numpy as np

from tinydl._core.operands import Map, Moments, Pending
from tinydl._core.reference.conv import geometry
from tinydl.testing.compare import assert_same
from tinydl.testing.guards import Guards, exact_integers, laid_out
from tinydl.testing.problems import CONVS, select

__all__ = ["LAYERS", "LOADED", "ODD", "SLOPE", "WINOGRAD", "Case", "Problem", "assert_equal_results"]

LOADED = ("", "relu", "leaky_relu")  # the activations that readers apply as they load
SLOPE = -2  # of leaky ReLU: exact among integers, and not the sign that a mask would show by itself


@dataclasses.dataclass
class Problem:
    """What a test needs of a row of the problem table, from shapes and options."""

    x_shape: tuple
    w_shape: tuple
    stride: object = 1
    padding: object = 0
    dilation: object = 1
    groups: int = 1

    def __post_init__(self):
        self.geometry = geometry(self.x_shape, self.w_shape, self.stride, self.padding, self.dilation, self.groups)
        self.y_shape = (self.x_shape[0], self.w_shape[0], *self.geometry[-(len(self.x_shape) - 2):])


# Paths that the table of layers and odd shapes does not reach: bands of rows and of columns, many parts of the batch.
_OWN = {
    "one image in bands": Problem((1, 16, 40, 41), (17, 16, 3, 3), 1, 1),
    "one large image": Problem((1, 3, 130, 150), (8, 3, 3, 3), 1, 1),
    "large images": Problem((3, 40, 70, 64), (8, 40, 3, 3), 2, 1),
    "long line": Problem((2, 24, 1, 900), (8, 24, 1, 9), 1, (0, 4)),
    "tall": Problem((2, 24, 900, 1), (8, 24, 9, 1), 1, (4, 0)),
    "very wide": Problem((1, 33, 3, 4000), (5, 33, 3, 3), 1, 1),
    "seventy images": Problem((70, 4, 4, 4), (5, 4, 3, 3), 1, 1),
    "long window": Problem((3, 1, 1000), (32, 1, 80), 16),
    "first layer": Problem((3, 1, 12, 12), (6, 1, 5, 5), 1, 2),
    "first layer, odd": Problem((3, 1, 9, 9), (6, 1, 5, 5), 1, 2),
    "first layer, four filters": Problem((2, 1, 9, 10), (4, 1, 3, 3), 1, 1),
    "first layer, dilated down": Problem((2, 1, 12, 10), (8, 1, 3, 3), 1, 2, (2, 1)),
    "first layer on a line": Problem((2, 1, 50), (3, 1, 5), 1, 2),
    # Pixels of dy lie a multiple of 256 bytes apart: the weight gradient reads copies of its panels.
    "pixels that share cache sets": Problem((3, 12, 9, 8), (64, 12, 3, 3), 1, 1),
    "pixels that share cache sets, stride": Problem((40, 100, 5, 3), (128, 100, 1, 1), 2),
    "pixels that share cache sets, groups": Problem((2, 192, 4, 3), (128, 96, 1, 1), 1, 0, 1, 2),
    "pixels that share cache sets, a tail": Problem((1, 1536, 3, 2), (192, 96, 1, 1), 1, 0, 1, 16),
    "depthwise, wide": Problem((2, 70, 9, 8), (70, 1, 3, 3), 1, 1, 1, 70),
    "depthwise on a line": Problem((2, 18, 50), (18, 1, 5), 1, 2, 1, 18),
    "depthwise, stride": Problem((3, 16, 8, 11), (16, 1, 3, 3), 2, 1, 1, 16),
    "depthwise, unlike axes": Problem((2, 33, 7, 6), (33, 1, 5, 4), (1, 3), (2, 1), 1, 33),
    "depthwise, dilation": Problem((2, 5, 12, 13), (5, 1, 3, 2), 1, 3, (2, 3), 5),
    "depthwise, 49 taps": Problem((1, 64, 20, 20), (64, 1, 7, 7), 1, 3, 1, 64),
    "depthwise, 40 images": Problem((40, 3, 5, 5), (3, 1, 3, 3), 1, 1, 1, 3),
    "depthwise, one pixel": Problem((3, 100, 1, 1), (100, 1, 1, 1), 1, 0, 1, 100),
    "depthwise, window in the padding": Problem((2, 4, 3, 3), (4, 1, 2, 2), 1, 2, 1, 4),
    "depthwise, no images": Problem((0, 8, 5, 5), (8, 1, 3, 3), 1, 1, 1, 8),
    # The stride is larger than the image, so that there are taps which no pixel of dx is reached by.
    "taps of no pixel": Problem((2, 3, 5, 1), (4, 3, 3, 3), (2, 3), (1, 2), (2, 2)),
    "depthwise, taps of no pixel": Problem((2, 2, 5, 1), (2, 1, 3, 3), (2, 3), (1, 2), (2, 2), 2),
    "depthwise on a line, dilation": Problem((2, 7, 33), (7, 1, 3), 2, 0, 4, 7),
}
_TABLE = {p.name: Problem(p.x_shape, p.w_shape, *((p.SH, p.SW), (p.PH, p.PW), (p.DH, p.DW)), p.G) if p.ndim == 2 else
          Problem(p.x_shape, p.w_shape, p.SW, p.PW, p.DW, p.G) for p in select(CONVS, "small")}
ODD = {**{name: p for name, p in _TABLE.items() if not name.endswith("/2")}, **_OWN}
LAYERS = {name: p for name, p in _TABLE.items() if name.endswith("/2")}
# What Winograd computes: whole and cut 4x4 blocks, channels off the vector width, bands, many images in a block,
# more than one panel of channels.
WINOGRAD = {
    "whole": Problem((2, 16, 8, 8), (16, 16, 3, 3), 1, 1),
    "cut": Problem((3, 32, 9, 7), (40, 32, 3, 3), 1, 1),
    "odd channels": Problem((5, 17, 6, 6), (33, 17, 3, 3), 1, 0),
    "nine images": Problem((9, 64, 8, 8), (64, 64, 3, 3), 1, 1),
    "bands": Problem((1, 20, 32, 32), (24, 20, 3, 3), 1, 1),
    "wide padding": Problem((2, 3, 5, 5), (70, 3, 3, 3), 1, 2),
    "33 images": Problem((33, 40, 4, 4), (24, 40, 3, 3), 1, 1),
    "flat": Problem((2, 48, 13, 30), (16, 48, 3, 3), 1, 1),
    "one pixel": Problem((1, 1, 1, 1), (1, 1, 3, 3), 1, 1),
    "one output": Problem((1, 5, 3, 3), (2, 5, 3, 3), 1, 0),
    "40 lines": Problem((40, 2, 3, 50), (3, 2, 3, 3), 1, 1),
    "many channels": Problem((1, 130, 6, 5), (129, 130, 3, 3), 1, 1),
    "groups of blocks": Problem((130, 66, 5, 5), (290, 66, 3, 3), 1, 1),
}


class Case:
    """All arrays of one problem.

    Parameters
    ----------
    problem : Problem
    dtype : numpy.dtype
    rng : numpy.random.Generator
    most : int
        Largest absolute value of exact integers.
    exact : bool
        Integers, whose sums are exact in any order, or normal numbers.
    """

    def __init__(self, problem, dtype, rng, most=3, exact=True):
        self.geo, self.y_shape, x_shape, w_shape = problem.geometry, problem.y_shape, problem.x_shape, problem.w_shape
        self.dtype, self.most, self.exact, self.rng = np.dtype(dtype), most, exact, rng
        self.x, self.residual = (self.make(x_shape, "activation") for _ in range(2))
        self.dy, self.y_above = (self.make(self.y_shape, "activation") for _ in range(2))
        self.w, self.b = self.make(w_shape, "weight"), self.make(w_shape[:1])
        self.scale, self.shift, self.centre, self.x_about = (self.make(x_shape[1:2]) for _ in range(4))
        self.about, *self.above = (self.make(w_shape[:1]) for _ in range(7))

    def make(self, shape, kind="row"):
        """Random values."""
        if self.exact:
            return exact_integers(self.rng, shape, self.dtype, kind, self.most)
        return laid_out(self.rng.standard_normal(shape), kind, self.dtype)

    def wide(self):
        """The same in float64."""
        other = object.__new__(Case)
        vars(other).update({name: a.astype(np.float64) if isinstance(a, np.ndarray) else a
                            for name, a in vars(self).items()})
        other.dtype, other.above = np.dtype(np.float64), [a.astype(np.float64) for a in self.above]
        return other

    def inputs(self):
        """Every array."""
        return [*(v for v in vars(self).values() if isinstance(v, np.ndarray)), *self.above]

    def map(self, activation):
        """What stands before the convolution."""
        return Map(self.scale, self.shift, self.centre, activation, SLOPE)

    def pending(self, activation):
        """What stands behind it: the gradient of a batch norm, with its activation."""
        scale, shift, centre, a, b, c = self.above
        return Pending(self.dy, self.y_above, Map(scale, shift, centre, activation, SLOPE), a, b, c)

    def forward(self, kernel, n_threads=1, bias=True, fused=False, activation="", sums=False):
        """{"y": ..., "sums": ...} of a forward kernel, `fused` with the map."""
        def call(guards):
            y = guards.empty(self.y_shape, self.dtype, "activation")
            s = guards.empty((self.geo[0], 2, self.geo[4]), self.dtype) if sums else None
            kernel(self.x, self.w, self.b if bias else None, y, self.geo, self.map(activation) if fused else None,
                   Moments(self.about, s) if sums else None, n_threads)
            return {"y": y, "sums": s}

        return self._checked(call)

    def backward(self, kernel, n_threads=1, wanted="dx dw db", fused=False, pending=False, activation="",
                 residual=False, sums=False):
        """{"dx": ..., "dw": ..., "db": ..., "sums": ...} of a backward kernel.

        `fused` with the map on x, `pending` with a gradient that waits; an array that is not needed is None.
        """
        def call(guards):
            dx = guards.empty(self.x.shape, self.dtype, "activation") if "dx" in wanted else None
            dw = guards.empty(self.w.shape, self.dtype, "weight") if "dw" in wanted else None
            db = guards.empty(self.b.shape, self.dtype) if "db" in wanted else None
            s = guards.empty((self.geo[0], 2, self.geo[1]), self.dtype) if sums else None
            kernel(self.x if sums or "dw" in wanted else None, self.pending(activation) if pending else self.dy,
                   self.w if "dx" in wanted else None, dx, dw, db, self.geo, self.map(activation) if fused else None,
                   self.residual if residual else None, Moments(self.x_about, s) if sums else None, n_threads)
            return {"dx": dx, "dw": dw, "db": db, "sums": s}

        return self._checked(call)

    def _checked(self, call):
        guards, before = Guards(), [a.copy(order="K") for a in self.inputs()]
        results = call(guards)
        guards.check()
        for old, new in zip(before, self.inputs(), strict=True):
            assert_same(new, old, "an input")
        return {name: array for name, array in results.items() if array is not None}


def assert_equal_results(got, expected, what):
    """Raise AssertionError unless every expected array is there and equal."""
    for name, array in expected.items():
        if got[name].shape != array.shape:
            raise AssertionError(f"{what}: {name} has shape {got[name].shape}, expected {array.shape}")
        if not np.array_equal(got[name], array):
            raise AssertionError(f"{what}: {name} differs at {np.argwhere(got[name] != array)[:3].tolist()}")
