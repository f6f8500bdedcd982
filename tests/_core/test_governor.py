"""The governor on a machine of the test's own: clocks that the test moves."""

import pytest

from tinydl._core.governor import Governor, run_delay


class Machine:
    """Clocks of a process whose teams get a given number of CPUs: `cpus(size)` says how many."""

    def __init__(self, cpus, delay):
        self.cpus, self.delayed = cpus, delay
        self.now = self.used = self.waited = 0.0
        self.governor = Governor(lambda: self.now, lambda: self.used, lambda: self.waited)
        self.spent = {}

    def run(self, seconds, window=0.05):
        """Let windows pass; returns the seconds spent at each size."""
        spent = {}
        for _ in range(round(seconds / window)):
            size = self.governor.size
            self.now += window
            self.used += window * self.cpus(size)
            self.waited += window * self.delayed(size)
            spent[size] = spent.get(size, 0.0) + window
            self.governor.next_size()
        return spent


def quiet(size):
    return 0.9 * size


def test_a_quiet_machine_keeps_the_team():
    machine = Machine(quiet, lambda size: 0.0)
    machine.governor.want(4)
    assert machine.run(10) == {4: pytest.approx(10)}


def test_a_quiet_machine_is_not_asked_for_delays():
    machine = Machine(quiet, lambda size: pytest.fail("looked at the threads"))
    machine.delayed = lambda size: 0.0
    machine.governor.delay = lambda: pytest.fail("looked at the threads")
    machine.governor.want(2)
    machine.run(1)


def test_idle_time_is_no_reason_for_a_smaller_team():
    # A service that computes for a tenth of the time: little CPU time, but nobody waits for a core.
    machine = Machine(lambda size: 0.1 * size, lambda size: 0.0)
    machine.governor.want(2)
    assert machine.run(10) == {2: pytest.approx(10)}


def test_a_team_that_gains_nothing_on_a_busy_machine_shrinks_to_one():
    machine = Machine(lambda size: 0.5, lambda size: 0.5 * size)
    machine.governor.want(8)
    spent = machine.run(20)
    assert machine.governor.size in (1, 2)  # 2 while it is tried
    assert spent[1] > 16


def test_a_team_that_gets_more_of_a_busy_machine_stays():
    # The system shares its cores out by threads, so two get twice as much as one.
    machine = Machine(lambda size: 0.4 * size, lambda size: 0.6 * size)
    machine.governor.want(2)
    assert machine.run(20)[2] > 18


def test_the_team_comes_back_when_the_others_have_gone():
    machine = Machine(lambda size: 0.5, lambda size: 0.5 * size)
    machine.governor.want(2)
    machine.run(10)
    assert machine.governor.size == 1
    machine.cpus, machine.delayed = quiet, lambda size: 0.0
    assert machine.run(1)[2] > 0.8
    assert machine.governor.size == 2


def test_trials_become_rare():
    machine = Machine(lambda size: 0.5, lambda size: 0.5 * size)
    machine.governor.want(2)
    machine.run(20)
    assert machine.run(20)[2] < 0.4


def test_a_system_that_does_not_tell_delays_keeps_the_team():
    machine = Machine(lambda size: 0.3, lambda size: 0.0)
    machine.governor.delay = lambda: None
    machine.governor.want(2)
    assert machine.run(5) == {2: pytest.approx(5)}


def test_a_pause_of_the_program_is_no_measurement():
    machine = Machine(lambda size: 0.5, lambda size: 0.5 * size)
    machine.governor.want(2)
    while machine.governor.compared is None:
        machine.run(0.05)
    tried = machine.governor.size
    machine.now += 10
    machine.waited += 5
    assert machine.governor.next_size() == tried
    assert machine.governor.compared is not None


def test_a_new_setting_counts_at_once():
    machine = Machine(lambda size: 0.5, lambda size: 0.5 * size)
    machine.governor.want(4)
    machine.run(5)
    machine.governor.want(3)
    assert machine.governor.size == 3


def test_run_delay_grows_or_is_unknown():
    first = run_delay()
    second = run_delay()
    assert first is None or second >= first >= 0
