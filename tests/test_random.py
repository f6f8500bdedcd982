import math
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import random


@pytest.fixture(autouse=True)
def restored():
    before = random.state()
    yield
    random.set_state(before)


def test_keys_count_from_zero_and_can_be_had_again():
    random.manual_seed(4)
    assert [random.next_key() for _ in range(3)] == [0, 1, 2]
    assert random.state() == (4, 3)
    random.set_state((4, 1))
    assert random.next_key() == 1


def test_a_generator_follows_from_seed_and_key_alone():
    random.manual_seed(4)
    first = random.generator(7, 1).random(5)
    random.next_key()
    assert np.array_equal(random.generator(7, 1).random(5), first)
    assert not np.array_equal(random.generator(7, 2).random(5), first)
    random.manual_seed(5)
    assert not np.array_equal(random.generator(7, 1).random(5), first)


def test_generators_are_pinned():
    # Philox keyed by SeedSequence((4, 0)): a change would change every published result.
    random.manual_seed(4)
    want = np.random.Generator(np.random.Philox(np.random.SeedSequence((4, 0)))).random(3)
    assert np.array_equal(random.generator(random.next_key()).random(3), want)


@pytest.mark.parametrize("seed", [1.5, True, "1", None, math.nan])
def test_seeds_that_are_no_integers(seed):
    for call in (random.manual_seed, lambda s: random.set_state((s, 0)), lambda s: random.stream(s).__enter__()):
        with pytest.raises(TypeError, match="the seed must be an integer, got "):
            call(seed)


def test_negative_seeds_and_counts():
    with pytest.raises(ValueError, match="the seed must not be negative, got -1"):
        random.manual_seed(-1)
    with pytest.raises(ValueError, match="the number of keys drawn must not be negative, got -1"):
        random.set_state((0, -1))
    with pytest.raises(TypeError, match="the number of keys drawn must be an integer, got 2.5"):
        random.set_state((0, 2.5))


def test_a_stream_draws_what_the_seed_gives_and_leaves_the_process_alone():
    random.manual_seed(9)
    weights = td.nn.Linear(3, 2).weight.numpy().copy()
    mask = td.ops.dropout(td.tensor(np.ones(100)), 0.5).numpy().copy()
    random.manual_seed(1)
    random.next_key()
    with random.stream(9):
        assert np.array_equal(td.nn.Linear(3, 2).weight.numpy(), weights)
        assert np.array_equal(td.ops.dropout(td.tensor(np.ones(100)), 0.5).numpy(), mask)
        with random.stream(2):
            random.manual_seed(3)
            assert random.state() == (3, 0)
        assert random.state()[0] == 9
    assert random.state() == (1, 1)
    with pytest.raises(RuntimeError), random.stream(5):
        raise RuntimeError
    assert random.state() == (1, 1)


def test_threads_share_the_process_but_not_a_stream():
    random.manual_seed(6)
    seen = []

    def elsewhere():
        seen.append((random.state(), random.next_key()))

    with random.stream(5):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert random.state() == (5, 0)
    assert seen == [((6, 0), 0)]
    assert random.state() == (6, 1)


def test_numpys_global_state_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002 - it is the one that must not change
    random.manual_seed(0)
    random.generator(0).normal(size=10)
    after = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(before[1], after[1]) and before[2:] == after[2:]


def test_any_other_integer_is_a_seed():
    for seed in (0, 2**100, np.int64(9)):
        random.manual_seed(seed)
        assert random.state() == (int(seed), 0)


def test_uncounted_numbers_are_the_next_ones_and_other_threads_draw_meanwhile():
    random.manual_seed(6)
    random.next_key()
    with random.uncounted():
        assert [random.next_key(), random.next_key()] == [1, 2]
        thread = threading.Thread(target=random.next_key)
        thread.start()
        thread.join()
    assert random.state() == (6, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_child_draws_although_a_thread_of_its_parent_was_drawing():
    code = """
import os, signal, tinydl as td
with td.random._process.lock, td.changes._lock:  # as another thread may hold them
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        td.random.next_key()
        td.nn.init.zeros_(td.nn.Linear(2, 2).weight)
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
