"""The list of tasks over the arrays of many parameters: every element belongs to exactly one, whatever the sizes."""

import numpy as np
import pytest

from tinydl._core import update

CHUNK = 16384


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("sizes", [
    [1], [0], [0, 0, 5, 0], [CHUNK], [CHUNK - 1, 1, CHUNK + 1], [0, 2 * CHUNK, 0, 3 * CHUNK + 7, 0], [3] * 300,
    [CHUNK, 0, 0, CHUNK]], ids=str)
def test_every_element_is_taken_once(sizes, n_threads):
    # Doubling tells: an element taken twice would be four times as large, one left out as large as before.
    arrays = [np.arange(1, n + 1, dtype=np.float64) for n in sizes]
    update.scale(arrays, 2.0, n_threads)
    for n, array in zip(sizes, arrays, strict=True):
        assert array.tolist() == list(range(2, 2 * n + 1, 2))
    total = sum(n * (n + 1) for n in sizes)
    assert update.norms(arrays, 1, n_threads) == total


def test_every_parameter_meets_its_own_gradient():
    sizes = [0, 5, CHUNK + 3, 1, 0, 2 * CHUNK]
    params = [np.full(n, float(k)) for k, n in enumerate(sizes)]
    grads = [np.full(n, 10.0 * k) for k, n in enumerate(sizes)]
    update.step(update.sgd(1.0, 0, 0, 0, False, False), params, grads, [None], 2)
    for k, p in enumerate(params):
        assert (p == -9.0 * k).all()


@pytest.mark.parametrize("bad", [None, np.ones(3), {"w": np.ones(3)}, "ab", 3])
def test_what_is_no_list(bad):
    with pytest.raises(TypeError, match="grads: expected a list of arrays, got"):
        update.norms(bad, 2)
    if bad is not None:
        with pytest.raises(TypeError, match="grads: expected a list of arrays, got"):
            update.step(update.sgd(1.0, 0, 0, 0, False, False), [np.ones(3)] * 2, bad, [None])
