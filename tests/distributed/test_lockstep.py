"""Tasks that meet: all come before any goes on, one runs at a time, and none is left when one fails."""

import threading

import pytest

from tinydl import config, no_grad, random
from tinydl.distributed.lockstep import Lockstep


def ran(functions, exchange):
    seen = []
    lockstep = Lockstep(lambda k: seen.append(f"enter {k}"), lambda k: seen.append(f"leave {k}"))
    return lockstep.run(functions, exchange), seen


def until_all_ended(values, failed):
    present = [value for value in values if value is not None]
    return None if failed or not present else sum(present)


@pytest.mark.parametrize("n", [1, 3])
def test_every_task_gets_what_all_brought(n):
    got = [[] for _ in range(n)]

    def task(k):
        def function(meet):
            got[k].append(meet(k + 1))
            got[k].append(meet(10 * (k + 1)))
        return function

    errors, seen = ran([task(k) for k in range(n)], until_all_ended)
    total = n * (n + 1) // 2
    assert errors == [None] * n and got == [[total, 10 * total]] * n
    turns = [f"{what} {k}" for k in range(n) for what in ("enter", "leave")]
    assert seen == ([] if n == 1 else turns * 3)


@pytest.mark.parametrize("n", [1, 2])
def test_an_error_ends_all(n):
    def fails(meet):
        meet(1)
        raise OSError("gone")

    def waits(meet):
        meet(1)
        meet(2)
        raise AssertionError("nobody comes any more")

    told = []

    def exchange(values, failed):
        told.append((values, failed))
        return until_all_ended(values, failed)

    errors, _ = ran([fails, waits][:n], exchange)
    assert [str(error) for error in errors] == ["gone", "None"][:n]
    assert told == [([1] * n, False), ([None, 2][:n], True)]


def test_partners_elsewhere_can_end_all():
    reached = []

    def task(meet):
        meet(1)
        reached.append(True)

    for n in (1, 2):
        assert ran([task] * n, lambda values, failed: None)[0] == [None] * n
    assert reached == []


def test_no_task_at_all_still_meets():
    answers = [1, 2, None]
    assert ran([], lambda values, failed: answers.pop(0))[0] == [] and answers == []


def test_settings_and_random_numbers_of_the_thread():
    found = []

    def task(meet):
        config.mode.batch = "mine"
        meet(1)
        found.append((config.mode.grad, config.mode.batch))
        random.set_state((5, 9))

    random.manual_seed(3)
    with no_grad():
        assert ran([task] * 2, until_all_ended)[0] == [None, None]
    assert found == [(False, "mine")] * 2 and config.mode.batch is None and random.state() == (3, 0)


def test_an_error_between_turns_leaves_no_thread_waiting():
    def exchange(values, failed):
        raise KeyboardInterrupt

    lockstep = Lockstep(lambda k: None, lambda k: None)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            lockstep.run([lambda meet: meet(1)] * 2, exchange)
    assert lockstep.run([lambda meet: meet(1)] * 2, until_all_ended) == [None, None]
    assert len([t for t in threading.enumerate() if t.name.startswith("tinydl-shard")]) >= 2
