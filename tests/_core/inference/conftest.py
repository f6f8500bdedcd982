"""What the tests of steps share: a program of one step, run as it is and under many cuts."""

import numpy as np
import pytest

from tinydl._core import inference


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _single(step, x, y_shape, chunk=None, n_threads=1, with_addend=False, row_major=False):
    N = len(x)
    value = ("input", 0, step.n_in)
    stages = [(chunk or max(1, N), [(step, value, ("output", 0, step.n_out), value if with_addend else None)])]
    made = inference.Program(stages, row_major, step.n_in, y_shape, 0, 0, True)
    before = x.copy(order="K")
    y = made.predict(x, n_threads)
    assert np.array_equal(before, x, equal_nan=True)
    return y


@pytest.fixture
def single():
    """What one step makes of x; with an addend, which is x itself."""
    return _single


@pytest.fixture
def variants():
    """The step under many cuts and numbers of threads: each gives the very numbers."""
    def check(make, x, expected, **options):
        for n_tasks, chunk, n_threads in ((1, None, 1), (3, None, 2), (8, None, 7), (1, 1, 3), (1, 2, 1)):
            y = _single(make(n_tasks, chunk or max(1, len(x))), x, expected.shape, chunk, n_threads, **options)
            assert y.dtype == np.float32 and np.array_equal(y, expected), (n_tasks, chunk, n_threads)

    return check
