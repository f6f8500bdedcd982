"""The door to OpenMP: team sizes that are asked for, given and refused."""

import time
from concurrent.futures import ThreadPoolExecutor

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


# --- the team of the next kernel -------------------------------------------------------------------------------------

class Scripted:
    """A governor that says what it is told to."""

    def __init__(self, wanted):
        self.wanted, self.asked = wanted, 0
        made.append(self)

    def next_size(self, done):
        self.asked += 1
        self.done = done
        return self.wanted if answer is None else answer()


made, answer = [], None


@pytest.fixture
def governed(monkeypatch):
    """Every call of team() ends a window; the fixture's value says what the governor answers."""
    if not parallel.has_openmp():
        pytest.skip("a serial build has no teams")

    def says(function):
        globals()["answer"] = function

    made.clear()
    says(None)
    monkeypatch.setattr(parallel, "Governor", Scripted)
    monkeypatch.setattr(parallel, "WINDOW", -1)
    return says


def test_the_team_is_the_setting_until_a_window_ends(governed, monkeypatch):
    monkeypatch.setattr(parallel, "WINDOW", 1000)
    governed(lambda: 1)
    parallel.set_num_threads(3)
    assert [parallel.team() for _ in range(100)] == [3] * 100
    assert [g.wanted for g in made] == [3] and made[0].asked == 0


def test_the_team_is_what_the_governor_says(governed):
    parallel.set_num_threads(4)
    sizes = iter([4, 2, 1, 3])
    governed(lambda: next(sizes))
    assert [parallel.team() for _ in range(4)] == [4, 2, 1, 3]
    assert parallel.get_num_threads() == 4


def test_the_setting_is_the_most(governed):
    parallel.set_num_threads(2)
    governed(lambda: 5)
    assert parallel.team() == 2


def test_one_thread_needs_no_governor(governed):
    parallel.set_num_threads(1)
    assert [parallel.team() for _ in range(3)] == [1] * 3
    assert made[-1].asked == 0


def test_a_new_setting_counts_at_once(governed):
    parallel.set_num_threads(4)
    governed(lambda: 1)
    assert parallel.team() == 1
    governed(None)
    parallel.set_num_threads(3)
    assert parallel.team() == 3


def test_an_answer_to_an_old_setting_is_ignored(governed):
    """Another thread may set while the governor is asked."""
    parallel.set_num_threads(4)

    def while_asked():
        governed(None)
        parallel.set_num_threads(3)
        return 1

    governed(while_asked)
    assert parallel.team() == 3
    assert parallel.team() == 3 and [g.asked for g in made] == [1, 1]


def test_one_thread_asks_at_a_time(governed):
    parallel.set_num_threads(4)
    seen = []

    def meanwhile():
        seen.append(parallel.team())  # another thread's call
        return 2

    governed(meanwhile)
    assert parallel.team() == 2
    assert seen == [4] and made[-1].asked == 1


def test_after_an_error_the_governor_is_asked_again(governed):
    parallel.set_num_threads(4)

    def interrupted():
        raise KeyboardInterrupt

    governed(interrupted)
    with pytest.raises(KeyboardInterrupt):
        parallel.team()
    governed(lambda: 2)
    assert parallel.team() == 2


def test_after_a_fork_the_governor_is_a_new_one(governed):
    """The CPU time of a child starts at 0."""
    parallel.set_num_threads(4)
    governed(lambda: 1)
    assert parallel.team() == 1
    governed(None)
    parallel.before_fork()
    parallel.after_fork()
    assert len(made) == 2 and parallel.team() == 4


def test_many_threads_ask_for_teams_at_once(monkeypatch):
    """The true governor, at the end of a window in every call."""
    monkeypatch.setattr(parallel, "WINDOW", -1)
    parallel.set_num_threads(2)
    most = parallel.get_num_threads()

    def ask(k):
        if k % 500 == 0:
            parallel.set_num_threads(2)
        return parallel.team()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4000))) <= set(range(1, most + 1))


def test_windows_end_with_steps_where_there_are_any(governed, monkeypatch):
    monkeypatch.setattr(parallel, "LATEST", 1000)
    parallel.set_num_threads(4)
    governed(lambda: 2)
    assert parallel.step_team() == 2 and made[0].asked == 1
    assert [parallel.team() for _ in range(9)] == [2] * 9
    assert made[0].asked == 1
    assert parallel.step_team() == 2 and made[0].asked == 2


def test_a_step_that_does_not_end_is_not_waited_for_for_ever(governed, monkeypatch):
    monkeypatch.setattr(parallel, "LATEST", 0)
    parallel.set_num_threads(4)
    governed(lambda: 2)
    parallel.step_team()
    before = made[0].asked
    parallel.team()
    assert made[0].asked == before + 1


def test_a_step_in_a_window_makes_it_wait_for_the_next(governed, monkeypatch):
    monkeypatch.setattr(parallel, "WINDOW", 0.05)
    monkeypatch.setattr(parallel, "LATEST", 1000)
    parallel.set_num_threads(4)
    parallel.step_team()
    time.sleep(0.1)
    parallel.team()
    assert made[0].asked == 0
    parallel.step_team()
    assert made[0].asked == 1


def test_the_governor_is_told_how_many_teams_were_asked_for(governed, monkeypatch):
    monkeypatch.setattr(parallel, "WINDOW", 1000)
    parallel.set_num_threads(4)
    monkeypatch.setattr(parallel, "WINDOW", -1)
    parallel.set_num_threads(4)
    parallel.team()
    before = made[-1].done
    for _ in range(4):
        parallel.team()
    parallel.step_team()
    assert made[-1].done == before + 5  # the last call ends its window before it counts


def test_levels_of_other_machines_are_not_supported():
    assert not parallel.cpu_supports("v9")
    assert not parallel.cpu_supports("")


def test_the_pool_starts_again_after_it_was_wound_up():
    before = parallel.team_size(2)
    parallel.before_fork()
    parallel.after_fork()
    assert parallel.team_size(2) == before
