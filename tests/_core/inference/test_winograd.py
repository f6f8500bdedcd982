"""Winograd as a step: literal numbers, the twin, cuts and threads, NaN, what is refused."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import inference
from tinydl._core.reference import conv as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close
from tinydl.testing.guards import laid_out

CUTS = ((1, None, 1), (3, None, 2), (8, None, 7), (1, 1, 3), (1, 2, 1))


def test_literal_numbers(single):
    # Ones under a window of ones: the number of entries of the window that are inside the image, less the bias.
    x, w = laid_out(np.ones((2, 1, 3, 4)), "activation", np.float32), laid_out(np.ones((1, 1, 3, 3)), "weight",
                                                                             np.float32)
    filters = inference.winograd_filters(w, np.array([-5], np.float32))
    geo = reference.geometry(x.shape, w.shape, 1, 1)
    inside = np.array([[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]) - 5
    for relu in (False, True):
        y = single(inference.winograd_step(filters, geo, relu, 1), x, x.shape)
        np.testing.assert_allclose(y, np.broadcast_to(np.maximum(inside, 0) if relu else inside, x.shape), atol=1e-5)


@pytest.mark.parametrize("shape", [
    (3, 16, 8, 8, 16, 1), (5, 17, 6, 6, 33, 0), (1, 20, 32, 32, 24, 1), (9, 64, 8, 8, 64, 1), (2, 3, 5, 5, 70, 2),
    (1, 5, 3, 3, 2, 0), (0, 4, 8, 8, 4, 1), (40, 8, 4, 4, 8, 1)], ids=str)
def test_close_to_the_twin_with_the_same_bits_however_cut(shape, single, rng):
    N, C, H, W, O, pad = shape
    x, w = (laid_out(rng.standard_normal(s), kind, np.float32)
            for s, kind in (((N, C, H, W), "activation"), ((O, C, 3, 3), "weight")))
    b = rng.standard_normal(O).astype(np.float32)
    geo = reference.geometry(x.shape, w.shape, 1, pad)
    y = layout.empty((N, O, *geo[-2:]))
    reference.conv_forward(x, w, b, y, geo, None, None, 1)
    filters, first = inference.winograd_filters(w, b), None
    add = y.shape == x.shape
    expected = np.maximum(y + x if add else y, 0)
    for n_tasks, chunk, n_threads in CUTS:
        step = inference.winograd_step(filters, (chunk or max(1, N), *geo[1:]), True, n_tasks)
        got = single(step, x, y.shape, chunk, n_threads, with_addend=add)
        assert_close(got, expected, bound("winograd", np.float32, C))
        first = got if first is None else first
        assert np.array_equal(got, first)


def test_nan_passes_the_clamp(single):
    x = laid_out(np.full((1, 16, 8, 8), np.nan), "activation", np.float32)
    w = laid_out(np.ones((16, 16, 3, 3)), "weight", np.float32)
    geo = reference.geometry(x.shape, w.shape, 1, 1)
    step = inference.winograd_step(inference.winograd_filters(w, None), geo, True, 1)
    assert np.isnan(single(step, x, x.shape)).all()


def test_refused():
    geo = reference.geometry((1, 4, 6, 6), (8, 4, 3, 3), 1, 1)
    w = laid_out(np.ones((8, 4, 3, 3)), "weight", np.float32)
    other = reference.geometry((1, 4, 6, 6), (8, 4, 5, 5), 1, 2)
    with pytest.raises(ValueError, match="Winograd takes 3x3 filters"):
        inference.winograd_step(inference.winograd_filters(w, None), other, False, 1)
    with pytest.raises(ValueError, match="filters of shape"):
        inference.winograd_step(inference.winograd_filters(w[:4].copy(order="K"), None), geo, False, 1)
    with pytest.raises(ValueError, match="a weight of shape"):
        inference.winograd_filters(laid_out(np.ones((8, 4, 5, 5)), "weight", np.float32), None)
    with pytest.raises(TypeError):
        inference.winograd_filters(w.astype(np.float64), None)
