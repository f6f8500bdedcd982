"""Windows of pooling kernels, maxima and means alike: every geometry, every number of channels, what is refused."""

import numpy as np
import pytest

from tinydl._core import pool
from tinydl._core.reference import pool as reference
from tinydl.testing.guards import Guards, laid_out
from tinydl.testing.problems import POOLS, select

GEOMETRY = (2, 6, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1, 4, 4)


@pytest.mark.parametrize("channels", range(1, 70))
def test_every_number_of_channels(channels, cases):
    for p in select(POOLS, "small"):
        if p.name in ("overlapping", "stride_over_window", "line"):
            case = cases.Case((p.N, channels, *p.x_shape[2:]), (p.N, channels, *p.y_shape[2:]), np.float32)
            geometry = (p.N, channels, *p.geometry[2:])
            for name in ("max", "avg"):
                results = []
                for kernels in (pool, reference):
                    guards = Guards()
                    y, dx = (guards.empty(shape, np.float32, "activation") for shape in (case.y_shape, case.x_shape))
                    if name == "max":
                        argmax = guards.empty(case.y_shape, np.uint8, "activation")
                        kernels.max_pool_forward(case.x, y, argmax, geometry, case.map(True, "relu"), 1)
                        kernels.max_pool_backward(case.dy, argmax, dx, geometry, 1)
                    else:
                        kernels.avg_pool_forward(case.x, y, True, geometry, 1)
                        kernels.avg_pool_backward(case.dy, dx, True, geometry, 1)
                    guards.check()
                    results.append({"y": y, "dx": dx})
                cases.check(*results, 2e-7)


def test_random_geometries(cases):
    rng = np.random.default_rng(7)
    for _ in range(150):
        n, c, h, w = (int(v) for v in rng.integers(1, [4, 20, 12, 12]))
        kh, kw, sh, sw, dh, dw = (int(v) for v in rng.integers(1, [5, 5, 5, 5, 4, 4]))
        ph, pw = int(rng.integers(0, 4)), int(rng.integers(0, 4))
        p, q = (max((size + 2 * pad - dil * (k - 1) - 1) // stride + 1 + int(rng.integers(0, 2)), 0)
                for size, pad, dil, k, stride in ((h, ph, dh, kh, sh), (w, pw, dw, kw, sw)))
        geometry = (n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q)
        case = cases.Case((n, c, h, w), (n, c, p, q), np.float32, int(rng.integers(1000)))

        class Problem:
            KH, KW = kh, kw

        Problem.geometry = geometry
        cases.check(case.max(Problem, pool, 2), case.max(Problem, reference))
        for include_pad in (True, False):
            cases.check(case.avg(Problem, pool, 2, include_pad), case.avg(Problem, reference, 1, include_pad), 1e-6)


def arguments(kernel, cases):
    """Good arguments of a kernel by name, in order, but for the number of threads."""
    case = cases.Case((2, 6, 8, 8), (2, 6, 4, 4), np.float32)
    argmax = laid_out(np.zeros(case.y_shape), "activation", np.uint8)
    y, dx = np.zeros_like(case.dy), np.zeros_like(case.x)
    return {
        "max_pool_forward": {"x": case.x, "y": y, "argmax": argmax, "geometry": GEOMETRY, "on_x": None},
        "max_pool_backward": {"dy": case.dy, "argmax": argmax, "dx": dx, "geometry": GEOMETRY},
        "avg_pool_forward": {"x": case.x, "y": y, "include": True, "geometry": GEOMETRY},
        "avg_pool_backward": {"dy": case.dy, "dx": dx, "include": True, "geometry": GEOMETRY},
    }[kernel]


@pytest.mark.parametrize("kernel", ["max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward"])
@pytest.mark.parametrize(("place", "value", "error"), [
    (0, -1, ValueError), (2, 7, ValueError), (4, 0, ValueError), (5, 2**31, ValueError), (6, 0, ValueError),
    (7, -2, ValueError), (8, -1, ValueError), (9, 2**62, ValueError), (10, 0, ValueError), (12, 5, ValueError),
    (13, 2**70, ValueError), (4, 1.5, TypeError), (4, "a", TypeError)])
def test_refused_geometries(kernel, place, value, error, cases):
    values = arguments(kernel, cases)
    geometry = list(GEOMETRY)
    geometry[place] = value
    with pytest.raises(error):
        getattr(pool, kernel)(*{**values, "geometry": tuple(geometry)}.values(), 1)
    with pytest.raises(ValueError, match="geometry"):
        getattr(pool, kernel)(*{**values, "geometry": GEOMETRY[:-1]}.values(), 1)


def test_large_but_legal_geometries():
    """Windows, strides and paddings up to 2^31 - 1 neither overflow nor take long."""
    big = 2**31 - 1
    x, y, argmax = np.ones((1, 1, 3), np.float32), np.empty((1, 1, 1), np.float32), np.empty((1, 1, 1), np.int32)
    for window, stride, padding, dilation in ((big, 1, 0, 1), (big, big, big, 1), (3, big, 0, big), (2, 1, big, big)):
        geometry = (1, 1, 1, 3, 1, window, 1, stride, 0, padding, 1, dilation, 1, 1)
        codes_ = argmax if window > 255 else argmax.astype(np.uint8)
        pool.max_pool_forward(x, y, codes_, geometry, None, 1)
        pool.max_pool_backward(y, codes_, np.empty_like(x), geometry, 1)
        pool.avg_pool_forward(x, y, True, geometry, 1)
        pool.avg_pool_backward(y, np.empty_like(x), True, geometry, 1)


def test_adaptive_windows_need_positions_and_an_axis():
    x, y = np.zeros((2, 3, 0, 4), np.float32), np.zeros((2, 3, 1, 1), np.float32)
    with pytest.raises(ValueError, match="x: cannot pool an empty image"):
        pool.adaptive_avg_pool_forward(x, y, 1)
    with pytest.raises(ValueError, match="x: cannot pool an empty image"):
        pool.adaptive_max_pool_forward(x, y, y.astype(np.int32), 1)
    with pytest.raises(ValueError, match="expected x and y"):
        pool.adaptive_avg_pool_forward(np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32), 1)
