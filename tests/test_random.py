"""Random streams are named by keys: nothing stored, any number made again, NumPy's own state untouched."""

import numpy as np
import pytest

from tinydl import random


@pytest.fixture(autouse=True)
def _restored():
    before = random.state()
    yield
    random.set_state(before)


def test_a_stream_has_the_numbers_of_its_key():
    random.manual_seed(7)
    first = random.generator(1, 2).integers(0, 1000, 5)
    assert np.array_equal(random.generator(1, 2).integers(0, 1000, 5), first)
    for other in ((2, 1), (1,), (1, 2, 1)):
        assert not np.array_equal(random.generator(*other).integers(0, 1000, 5), first)
    random.manual_seed(8)
    assert not np.array_equal(random.generator(1, 2).integers(0, 1000, 5), first)


def test_streams_are_numpys_philox():
    random.manual_seed(3)
    expected = np.random.Generator(np.random.Philox(np.random.SeedSequence((3, 5)))).normal(size=4)
    assert np.array_equal(random.generator(5).normal(size=4), expected)


def test_keys_count_from_the_seed_on():
    random.manual_seed(5)
    assert [random.next_key() for _ in range(3)] == [0, 1, 2]
    state = random.state()
    assert state == (5, 3)
    random.next_key()
    random.set_state(state)
    assert random.next_key() == 3
    random.manual_seed(5)
    assert random.next_key() == 0


def test_numpys_global_state_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002 - it is the one that must not change
    random.manual_seed(0)
    random.generator(0).normal(size=10)
    after = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(before[1], after[1]) and before[2:] == after[2:]


@pytest.mark.parametrize(("seed", "error", "message"), [
    (-1, ValueError, "the seed must not be negative, got -1"), (1.0, TypeError, "must be an integer, got 1.0"),
    (True, TypeError, "got True"), ("1", TypeError, "got '1'"), (None, TypeError, "got None")])
def test_bad_seeds(seed, error, message):
    with pytest.raises(error, match=message):
        random.manual_seed(seed)


def test_any_other_integer_is_a_seed():
    for seed in (0, 2**100, np.int64(9)):
        random.manual_seed(seed)
        assert random.state() == (int(seed), 0)
