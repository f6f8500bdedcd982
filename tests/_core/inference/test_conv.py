"""Convolution as a step: literal numbers, the kernel's twin, cuts and threads, NaN, what is refused."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import inference
from tinydl._core.reference import conv as reference
from tinydl.testing.guards import exact_integers, laid_out
from tinydl.testing.problems import CONVS, select

SMALL = [p for p in select(CONVS, "small") if p.macs < 4e6]


def test_literal_numbers(variants):
    # The identity filter on the image, its bias, and the clamp of what is below 0.
    x = laid_out([[[[1, 2, 3], [4, 5, 6], [1, 5, 3]]]], "activation", np.float32)
    w, b = laid_out([[[[1, 0], [0, 1]]]], "weight", np.float32), np.array([-8], np.float32)
    geo = reference.geometry(x.shape, w.shape)
    for bias, relu, expected in ((None, False, [[6, 8], [9, 8]]), (b, False, [[-2, 0], [1, 0]]),
                                 (b, True, [[0, 0], [1, 0]])):
        filters = inference.conv_filters(w, bias, 1)
        y = laid_out([[expected]], "activation", np.float32)
        variants(lambda n_tasks, n, f=filters, c=relu: inference.conv_step(f, geo, c, n_tasks), x, y)


@pytest.mark.parametrize("problem", SMALL, ids=lambda p: p.name)
def test_exact(problem, variants, rng):
    x = exact_integers(rng, problem.x_shape, kind="activation")
    w, b = exact_integers(rng, problem.w_shape, kind="weight"), exact_integers(rng, (problem.O,))
    y, geo = layout.empty(problem.y_shape), problem.geometry
    for bias in (b, None):
        reference.conv_forward(x, w, bias, y, geo, None, None, 1)
        for clamp in (False, True):
            filters = inference.conv_filters(w, bias, problem.G)
            variants(lambda n_tasks, n, f=filters, c=clamp: inference.conv_step(f, geo, c, n_tasks), x,
                     np.maximum(y, 0) if clamp else y)


@pytest.mark.parametrize("groups", [1, 2, 18])
def test_addend_comes_before_the_clamp(groups, variants, rng):
    x = exact_integers(rng, (3, 18, 7, 9), kind="activation")
    w = exact_integers(rng, (18, 18 // groups, 3, 3), kind="weight")
    geo, y = reference.geometry(x.shape, w.shape, 1, 1, 1, groups), layout.empty(x.shape)
    reference.conv_forward(x, w, None, y, geo, None, None, 1)
    filters = inference.conv_filters(w, None, groups)
    variants(lambda n_tasks, n: inference.conv_step(filters, geo, True, n_tasks), x, np.maximum(y + x, 0),
             with_addend=True)


def test_nan_passes_the_clamp(single):
    x = laid_out(np.full((1, 16, 8, 8), np.nan), "activation", np.float32)
    w = laid_out(np.ones((16, 16, 3, 3)), "weight", np.float32)
    step = inference.conv_step(inference.conv_filters(w, None, 1), reference.geometry(x.shape, w.shape, 1, 1), True, 1)
    assert np.isnan(single(step, x, x.shape)).all()


def test_more_tasks_than_there_are_rows_are_one_a_row():
    w = laid_out(np.ones((128, 3, 3, 3)), "weight", np.float32)
    geo = reference.geometry((1, 3, 64, 64), w.shape, 1, 1)
    room = [inference.conv_step(inference.conv_filters(w, None, 1), geo, False, n_tasks).scratch
            for n_tasks in (1, 10**6, 2**63 - 1)]
    assert room[0] > room[1] == room[2]


def test_refused():
    w = laid_out(np.ones((8, 4, 3, 3)), "weight", np.float32)
    other = reference.geometry((1, 4, 6, 6), (8, 4, 5, 5), 1, 2)
    for make in (lambda: inference.conv_step(inference.conv_filters(w, None, 1), other, False, 1),
                 lambda: inference.conv_filters(np.ascontiguousarray(w), None, 1),
                 lambda: inference.conv_filters(w, None, 3),
                 lambda: inference.conv_filters(w, np.ones(7, np.float32), 1)):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(TypeError):
        inference.conv_filters(w.astype(np.float64), None, 1)
