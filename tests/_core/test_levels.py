"""Every ISA level that this CPU runs gives the reference's results; a level it does not run is a clear error."""

import os
import subprocess
import sys

import pytest

from tinydl._core import isa

PROGRAM = """
import math
import numpy as np
from tinydl._core import augment, conv, gemm, im2col, isa, loss, update
from tinydl._core.reference import augment as r_augment, conv as r_conv, gemm as r_gemm, im2col as r_im2col
from tinydl._core.reference import loss as r_loss, update as r_update
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close
from tinydl.testing.guards import Guards, exact_integers, laid_out

rng = np.random.default_rng(0)
print(isa.level)
for dtype in (np.float32, np.float64):
    for c, o, k, stride, groups in ((3, 17, 3, 1, 1), (32, 33, 3, 1, 1), (16, 16, 1, 2, 1), (19, 19, 3, 1, 19),
                                    (6, 9, 3, 2, 3)):
        geo = r_conv.geometry((3, c, 9, 11), (o, c // groups, k, k), stride, k // 2, 1, groups)
        x = exact_integers(rng, (3, c, 9, 11), dtype, "activation")
        w = exact_integers(rng, (o, c // groups, k, k), dtype, "weight")
        dy = exact_integers(rng, (3, o, *geo[-2:]), dtype, "activation")
        b = exact_integers(rng, (o,), dtype)
        results = []
        for kernels in (conv, r_conv):
            g = Guards()
            y, dx = g.empty(dy.shape, dtype, "activation"), g.empty(x.shape, dtype, "activation")
            dw, db = g.empty(w.shape, dtype, "weight"), g.empty(b.shape, dtype)
            kernels.conv_forward(x, w, b, y, geo, None, None, 2)
            kernels.conv_backward_input(dy, w, dx, geo, 2)
            kernels.conv_backward_weight(x, dy, dw, db, geo, None, 2)
            g.check()
            results.append((y, dx, dw, db))
        assert all(np.array_equal(p, q) for p, q in zip(*results)), ("conv", c, o)
        cols = [np.empty((3 * geo[-2] * geo[-1], k * k * c), dtype) for _ in range(2)]
        im2col.im2col(x, cols[0], geo, 2)
        r_im2col.im2col(x, cols[1], geo, 2)
        assert np.array_equal(*cols), "im2col"
    for n, k, o in ((7, 33, 17), (64, 300, 10)):
        x, w = exact_integers(rng, (n, k), dtype), exact_integers(rng, (o, k), dtype, "weight")
        dy, b = exact_integers(rng, (n, o), dtype), exact_integers(rng, (o,), dtype)
        results = []
        for kernels in (gemm, r_gemm):
            y, dx, dw, db = np.empty_like(dy), np.empty_like(x), np.empty_like(w), np.empty_like(b)
            kernels.linear_forward(x, w, b, y, 2)
            kernels.linear_backward_input(dy, w, dx, 2)
            kernels.linear_backward_weight(x, dy, dw, db, 2)
            results.append((y, dx, dw, db))
        assert all(np.array_equal(p, q) for p, q in zip(*results)), ("gemm", n)
    for shape in ((64, 10), (5, 100)):
        z, labels = (9 * rng.standard_normal(shape)).astype(dtype), rng.integers(0, shape[1], shape[0])
        results = []
        for kernels in (loss, r_loss):
            losses, p, dz = np.empty(shape[0], dtype), np.empty_like(z), np.empty_like(z)
            kernels.softmax_cross_entropy_forward(z, labels, None, -100, 0.1, losses, p)
            kernels.softmax_cross_entropy_backward(p, labels, None, -100, 0.1, 1.0, dz)
            results.append((losses, p, dz))
        for p, q in zip(*results):
            assert_close(p, q, bound("softmax", dtype))
    results = []
    for kernels in (update, r_update):
        r = np.random.default_rng(1)
        a = [[r.standard_normal(s).astype(dtype) ** 2 for s in ((5, 7), (33,), (20000,))] for _ in range(4)]
        kernels.step(kernels.adam(0.01, 0.9, 0.999, 1e-8, 0.01, False, 2), a[0], a[1], a[2:])
        kernels.step(kernels.sgd(0.01, 0.9, 0, 0.01, True, False), a[0], a[1], a[2:3])
        results.append([*sum(a, []), np.array([kernels.norms(a[1], p) for p in (1, 2, 3, math.inf)])])
    for p, q in zip(*results):
        assert_close(p, q, bound("update", dtype))
images = laid_out(rng.integers(0, 256, (9, 3, 10, 12)), "activation", np.uint8)
outs = [np.empty((5, 10, 12, 3), np.float32).transpose(0, 3, 1, 2) for _ in range(2)]
for kernels, out in zip((augment, r_augment), outs):
    kernels.gather(images, np.arange(5), np.ones(3, np.float32), np.ones(3, np.float32),
                   np.array([[0, 0], [1, -2], [3, 0], [0, 4], [-9, 9]], np.int32),
                   np.array([0, 1, 0, 1, 1], np.uint8), out)
assert np.array_equal(*outs), "gather"
"""


def run(level, program=PROGRAM):
    environment = {**os.environ, "TINYDL_ISA": level, "OPENBLAS_NUM_THREADS": "1",
                   "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=300)


@pytest.mark.parametrize("level", isa.supported_levels())
def test_level_equals_the_reference(level):
    result = run(level)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == level


@pytest.mark.parametrize("level", ["v9", "V4", "avx2"])
def test_an_unsupported_level_is_an_error_that_lists_the_supported(level):
    result = run(level, "import tinydl")
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError") and repr(level) in last and ", ".join(isa.supported_levels()) in last


def test_an_empty_setting_takes_the_best():
    result = run("", "from tinydl._core import isa; print(isa.level)")
    assert result.stdout.strip() == isa.supported_levels()[0], result.stderr


def test_levels_are_ordered_and_built():
    assert isa.level in isa.supported_levels() and set(isa.supported_levels()) <= set(isa.built_levels())
    order = ["v4", "v3", "v2", "base"]
    assert sorted(isa.built_levels(), key=order.index) == isa.built_levels()
