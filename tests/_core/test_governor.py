"""The governor on a machine of the test's own: clocks that the test moves."""

import numpy as np
import pytest

from tinydl._core.governor import Governor, run_delay


class Machine:
    """Clocks of a process whose teams use `cpus(size)` CPUs and do work at a `speed(size)`: by default as many."""

    def __init__(self, wanted, cpus, delay, speed=None):
        self.cpus, self.delayed, self.speed = cpus, delay, speed
        self.now = self.used = self.waited = self.done = 0.0
        self.governor = Governor(wanted, lambda: self.now, lambda: self.used, lambda: self.waited)

    def run(self, seconds, window=0.1):
        """Let windows pass; returns the seconds spent at each size."""
        spent = {}
        for _ in range(round(seconds / window)):
            size = self.governor.size
            self.now += window
            self.used += window * self.cpus(size)
            self.waited += window * self.delayed(size)
            self.done += window * 1000 * (self.speed or self.cpus)(size)
            spent[size] = spent.get(size, 0.0) + window
            self.governor.next_size(self.done)
        return spent


def quiet(size):
    return 0.9 * size


def test_a_quiet_machine_keeps_the_team():
    machine = Machine(4, quiet, lambda size: 0.0)
    assert machine.run(10) == {4: pytest.approx(10)}


def test_a_quiet_machine_is_not_asked_for_delays():
    machine = Machine(2, quiet, lambda size: pytest.fail("looked at the threads"))
    machine.delayed = lambda size: 0.0
    machine.governor.delay = lambda: pytest.fail("looked at the threads")
    machine.run(1)


def test_idle_time_is_no_reason_for_a_smaller_team():
    # A service that computes for a tenth of the time: little CPU time, but nobody waits for a core.
    machine = Machine(2, lambda size: 0.1 * size, lambda size: 0.0)
    assert machine.run(10) == {2: pytest.approx(10)}


def test_a_team_that_gains_nothing_on_a_busy_machine_shrinks_to_one():
    machine = Machine(8, lambda size: 0.5, lambda size: 0.5 * size)
    spent = machine.run(20)
    assert machine.governor.size in (1, 2)  # 2 while it is tried
    assert spent[1] > 16


def test_a_team_that_gets_more_of_a_busy_machine_stays():
    # The system shares its cores out by threads, so two get twice as much as one.
    machine = Machine(2, lambda size: 0.4 * size, lambda size: 0.6 * size)
    assert machine.run(20)[2] > 18


def test_threads_that_spin_while_they_wait_do_no_work():
    """Two threads use twice the CPU time of one, most of it in vain."""
    machine = Machine(2, lambda size: 0.5 * size, lambda size: 0.5 * size, speed=lambda size: 1.0 if size == 1 else 0.2)
    spent = machine.run(20)
    assert spent[1] > 18


def test_a_busy_machine_on_which_two_threads_do_more_keeps_them():
    machine = Machine(2, lambda size: 0.5 * size, lambda size: 0.5 * size, speed=lambda size: 1.0 if size == 1 else 1.3)
    spent = machine.run(20)
    assert spent[2] > 18


def test_the_team_comes_back_when_the_others_have_gone():
    machine = Machine(2, lambda size: 0.5, lambda size: 0.5 * size)
    machine.run(10)
    assert machine.governor.size == 1
    machine.cpus, machine.delayed = quiet, lambda size: 0.0
    assert machine.run(1)[2] > 0.8
    assert machine.governor.size == 2


def test_two_programs_that_give_way_to_each_other_do_not_come_back_at_once():
    # Two cores, two programs of two threads: with one thread each nobody waits, and neither knows of the other.
    machine = Machine(2, lambda size: 1.0, lambda size: 1.0 * (size == 2))
    machine.run(10)
    assert machine.run(20)[1] > 18


def test_trials_become_rare():
    machine = Machine(2, lambda size: 0.5, lambda size: 0.5 * size)
    machine.run(20)
    assert machine.run(20)[2] < 0.4


def test_a_system_that_does_not_tell_delays_keeps_the_team():
    machine = Machine(2, lambda size: 0.3, lambda size: 0.0)
    machine.governor.delay = lambda: None
    assert machine.run(5) == {2: pytest.approx(5)}


def test_a_pause_of_the_program_is_no_measurement():
    machine = Machine(2, lambda size: 0.5, lambda size: 0.5 * size)
    while machine.governor.compared is None:
        machine.run(0.1)
    tried = machine.governor.size
    machine.now += 10
    machine.waited += 5
    assert machine.governor.next_size(machine.done) == tried
    assert machine.governor.compared is not None


@pytest.mark.parametrize("burst", [1, 2, 3, 7])
@pytest.mark.parametrize("rate", [0.3, 0.6, 0.9])
def test_a_burst_of_others_is_soon_forgotten(burst, rate):
    """However the burst and the windows fall, the team is whole again a few windows after it."""
    machine = Machine(4, lambda size: rate * size, lambda size: 0.0)
    for _ in range(20):
        machine.run(0.5)
        assert machine.governor.size == 4
        machine.cpus, machine.delayed = lambda size: 0.5, lambda size: 0.5 * size
        machine.run(0.1 * burst)
        machine.cpus, machine.delayed = lambda size: rate * size, lambda size: 0.0
        machine.run(0.2)
        assert machine.governor.size == 4


def test_the_wakes_of_many_threads_are_no_demand():
    # 64 threads that wait 2 % of their time each add up to more than a core.
    machine = Machine(64, lambda size: 0.4 * size, lambda size: 0.02 * size)
    assert machine.run(10) == {64: pytest.approx(10)}


def test_looking_at_many_threads_is_rare():
    """A look that takes 5 ms, as with hundreds of threads, comes twice a second at most."""
    machine, looks = Machine(64, lambda size: 0.3 * size, lambda size: 0.0), []

    def look():
        machine.now += 0.005
        looks.append(machine.now)
        return machine.waited

    machine.governor.delay = look
    assert machine.run(10) == {64: pytest.approx(10)}
    assert 10 < len(looks) <= 21


def test_a_team_is_never_larger_than_wanted_nor_empty():
    rng = np.random.default_rng(0)
    for wanted in (1, 2, 3, 5, 8):
        machine = Machine(wanted, lambda size: 0.0, lambda size: 0.0)
        for _ in range(500):
            rate, wait = rng.uniform(0, 1, 2)
            machine.cpus, machine.delayed = lambda size, r=rate: r * size, lambda size, w=wait: w * size
            machine.run(0.1)
            assert 1 <= machine.governor.size <= wanted


def test_run_delay_grows_or_is_unknown():
    first = run_delay()
    second = run_delay()
    assert first is None or second >= first >= 0
