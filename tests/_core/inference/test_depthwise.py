"""Depthwise convolution as a step: literal numbers, the twin, cuts and threads, NaN, what is refused."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import inference
from tinydl._core.reference import conv as reference
from tinydl.testing.guards import exact_integers, laid_out
from tinydl.testing.problems import CONVS, select

SMALL = [p for p in select(CONVS, "small") if p.macs < 4e6 and p.G == p.C == p.O]


def test_literal_numbers(variants):
    # Two channels, each with a filter of two taps and a bias of its own.
    x = laid_out([[[1, 2, 3], [4, 5, 6]]], "activation", np.float32)
    w, b = laid_out([[[1, 10]], [[-1, 1]]], "weight", np.float32), np.array([0, -3], np.float32)
    geo = reference.geometry(x.shape, w.shape, 1, 0, 1, 2)
    filters = inference.depthwise_filters(w, b)
    for relu, second in ((False, [-2, -2]), (True, [0, 0])):
        y = laid_out([[[21, 32], second]], "activation", np.float32)
        variants(lambda n_tasks, n, c=relu: inference.depthwise_step(filters, geo, c), x, y)


@pytest.mark.parametrize("problem", SMALL, ids=lambda p: p.name)
def test_exact(problem, variants, rng):
    x = exact_integers(rng, problem.x_shape, kind="activation")
    w, b = exact_integers(rng, problem.w_shape, kind="weight"), exact_integers(rng, (problem.O,))
    y, geo = layout.empty(problem.y_shape), problem.geometry
    for bias in (b, None):
        reference.conv_forward(x, w, bias, y, geo, None, None, 1)
        filters = inference.depthwise_filters(w, bias)
        for clamp in (False, True):
            variants(lambda n_tasks, n, f=filters, c=clamp: inference.depthwise_step(f, geo, c), x,
                     np.maximum(y, 0) if clamp else y)


def test_addend_comes_before_the_clamp(variants, rng):
    x, w = exact_integers(rng, (3, 18, 7, 9), kind="activation"), exact_integers(rng, (18, 1, 3, 3), kind="weight")
    geo, y = reference.geometry(x.shape, w.shape, 1, 1, 1, 18), layout.empty(x.shape)
    reference.conv_forward(x, w, None, y, geo, None, None, 1)
    filters = inference.depthwise_filters(w, None)
    variants(lambda n_tasks, n: inference.depthwise_step(filters, geo, True), x, np.maximum(y + x, 0),
             with_addend=True)


def test_nan_passes_the_clamp(single):
    x = laid_out(np.full((1, 16, 8, 8), np.nan), "activation", np.float32)
    filters = inference.depthwise_filters(laid_out(np.ones((16, 1, 3, 3)), "weight", np.float32), None)
    step = inference.depthwise_step(filters, reference.geometry(x.shape, (16, 1, 3, 3), 1, 1, 1, 16), True)
    assert np.isnan(single(step, x, x.shape)).all()


def test_filters_are_a_copy(single):
    w = laid_out(np.ones((2, 1, 1)), "weight", np.float32)
    x = laid_out([[[1, 2, 3], [4, 5, 6]]], "activation", np.float32)
    geo = reference.geometry(x.shape, w.shape, 1, 0, 1, 2)
    step = inference.depthwise_step(inference.depthwise_filters(w, None), geo, False)
    w[...] = 7
    assert single(step, x, x.shape).tolist() == x.tolist()


def test_refused():
    w = laid_out(np.ones((8, 1, 3, 3)), "weight", np.float32)
    dense = reference.geometry((1, 4, 6, 6), (8, 4, 3, 3), 1, 1)
    own = reference.geometry((1, 8, 6, 6), (8, 1, 5, 5), 1, 2, 1, 8)
    with pytest.raises(ValueError, match="no depthwise convolution"):
        inference.depthwise_step(inference.depthwise_filters(w, None), dense, False)
    with pytest.raises(ValueError, match="filters of shape"):
        inference.depthwise_step(inference.depthwise_filters(w, None), own, False)
    with pytest.raises(ValueError, match="bias"):
        inference.depthwise_filters(w, np.ones(7, np.float32))
    with pytest.raises(TypeError):
        inference.depthwise_filters(w.astype(np.float64), None)
