"""The door to OpenMP: team sizes that are asked for, given and refused."""

import pytest

from tinydl._core import parallel


@pytest.fixture(autouse=True)
def _restored():
    n = parallel.get_num_threads()
    yield
    parallel.set_num_threads(n)


def test_the_setting_is_kept():
    for n in (1, 2, 3):
        parallel.set_num_threads(n)
        assert parallel.get_num_threads() == (n if parallel.has_openmp() else 1)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_region_gets_the_threads_it_asks_for(n):
    assert parallel.team_size(n) == (n if parallel.has_openmp() else 1)


@pytest.mark.parametrize("n", [0, -1, 1025, 10**6, 2**31 - 1])
def test_teams_that_cannot_be_are_refused(n):
    for function in (parallel.set_num_threads, parallel.team_size):
        with pytest.raises(ValueError, match=f"n_threads must be between 1 and 1024, got {n}$"):
            function(n)


def test_numbers_beyond_an_int_are_refused():
    with pytest.raises(OverflowError):
        parallel.set_num_threads(2**31)


def test_levels_of_other_machines_are_not_supported():
    assert not parallel.cpu_supports("v9")
    assert not parallel.cpu_supports("")


def test_the_pool_starts_again_after_it_was_wound_up():
    before = parallel.team_size(2)
    parallel.before_fork()
    parallel.after_fork()
    assert parallel.team_size(2) == before
