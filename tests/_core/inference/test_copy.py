"""Copies as steps: literal numbers, NumPy's views, cuts and threads, NaN, what is refused."""

import numpy as np
import pytest

from tinydl._core import inference
from tinydl.testing.guards import exact_integers


def test_literal_numbers(variants):
    # The second column and the last of a matrix of 2 x 3, in reversed order, between fillings.
    x = np.array([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]], np.float32)
    variants(lambda n_tasks, n: inference.copy_step([(2, 3, 1), (2, -1, 2)], 6, 2, 6, 1, -1), x,
             np.float32([[-1, 3, 6, 2, 5, -1], [-1, 9, 12, 8, 11, -1]]))


def test_without_axes_it_is_one_element(single):
    x = np.array([[np.nan, 2], [3, 4]], np.float32)
    assert single(inference.copy_step([], 2, 1, 1, 0, None), x, (2, 1)).tolist() == [[2], [4]]
    assert np.isnan(single(inference.copy_step([], 2, 0, 1, 0, None), x, (2, 1))[0, 0])


COPIES = {
    "transpose": ((3, 4), lambda x: x.transpose(0, 2, 1)), "slice": ((6, 7), lambda x: x[:, 1:5:2, 2:]),
    "reversed": ((4, 5), lambda x: x[:, ::-1, ::-2]), "one": ((3, 3), lambda x: x[:, 1, 2]),
    "five axes": ((2, 3, 2, 3, 2), lambda x: x.transpose(0, 4, 2, 5, 1, 3)),
}


@pytest.mark.parametrize("name", COPIES)
def test_views(name, single, rng):
    """Views of an image, copied into a dense one."""
    shape, view = COPIES[name]
    x = exact_integers(rng, (3, *shape))
    seen = view(x)
    expected = np.ascontiguousarray(seen).reshape(3, -1)
    strides = np.ascontiguousarray(seen).strides
    axes = [(n, s // 4, t // 4) for n, s, t in zip(seen.shape[1:], seen.strides[1:], strides[1:], strict=True)]
    at = (seen.__array_interface__["data"][0] - x.__array_interface__["data"][0]) // 4
    step = inference.copy_step(axes, x[0].size, at, expected.shape[1], 0, None)
    for n_threads in (1, 2, 3, 7):
        y = single(step, x.reshape(3, -1), expected.shape, n_threads=n_threads)
        assert np.array_equal(y, expected)


def test_parts_and_their_surroundings(single, rng):
    x = exact_integers(rng, (2, 6))
    into = inference.copy_step([(2, 3, 5), (3, 1, 1)], 6, 0, 14, 2, 7)
    expected = np.full((2, 14), 7, np.float32)
    expected[:, [2, 3, 4, 7, 8, 9]] = x
    assert np.array_equal(single(into, x, (2, 14)), expected)
    # Two steps that fill one value: the second leaves what the first has written.
    at = ("input", 0, 6), ("output", 0, 12)
    steps = [(inference.copy_step([(6, 1, 2)], 6, 0, 12, k, None), *at, None) for k in range(2)]
    made = inference.Program([(2, steps)], False, 6, (2, 12), 0, 0, True)
    assert np.array_equal(made.predict(x, 2), np.repeat(x, 2, axis=1))


@pytest.mark.parametrize("bad", [
    ([(0, 1, 1)], 6, 0, 6, 0), ([(7, 1, 1)], 6, 0, 9, 0), ([(6, 1, 1)], 6, 1, 9, 0), ([(6, 1, 1)], 6, -1, 9, 0),
    ([(6, 1, 1)], 6, 0, 5, 0), ([(2, -1, 1)], 6, 0, 5, 0), ([(2, 1, 3)], 6, 0, 6, 3), ([(1, 1, 1)] * 7, 6, 0, 6, 0)],
                         ids=str)
def test_refused(bad):
    with pytest.raises(ValueError, match="copy_step"):
        inference.copy_step(*bad, None)
