"""Counter-based random numbers: a stream is named by a key, so nothing is stored and any number can be made again.

Every generator is Philox keyed by a seed and the caller's integers (epoch, sample, layer, call). Streams do not depend
on the number of threads, and NumPy's global random state is neither read nor changed.

The seed and the number of keys drawn so far are those of the process, shared by all its threads, unless a thread works
inside `stream`. `Trainer.fit` does, so several trainings in threads of one process each draw what they draw alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import index_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tinydl._types import Device

__all__ = ["Generator", "generator", "manual_seed", "next_key", "set_state", "state", "stream"]


_OWN_STREAM = 0x6E47  # keeps the numbers of a Generator apart from those of the process


class _Stream:
    """A seed and the number of keys drawn from it."""

    __slots__ = ("seed", "counter", "lock")

    def __init__(self, seed, counter):
        self.seed, self.counter, self.lock = seed, counter, threading.Lock()


class _Thread(threading.local):
    stream: _Stream | None = None  # that of this thread alone, inside `stream`


_process = _Stream(0, 0)
_thread = _Thread()


def _after_fork():
    """A child has no thread that would release what it held as it was copied."""
    _process.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _current():
    return _thread.stream or _process


def _count(name, value):
    found = index_of(value)
    if found is None:
        raise TypeError(f"the {name} must be an integer, got {value!r}")
    value = found
    if value < 0:
        raise ValueError(f"the {name} must not be negative, got {value}")
    return value


def manual_seed(seed: int) -> None:
    """Set the seed of every later random number: initial weights, dropout, shuffling.

    Parameters
    ----------
    seed : int
        Any non-negative integer.
    """
    set_state((_count("seed", seed), 0))


def state() -> tuple[int, int]:
    """(seed, number of keys drawn): all there is to the random state."""
    current = _current()
    with current.lock:
        return current.seed, current.counter


def set_state(value: tuple[int, int]) -> None:
    """Return to a state that `state` gave."""
    seed, counter = value
    seed, counter = _count("seed", seed), _count("number of keys drawn", counter)
    current = _current()
    with current.lock:
        current.seed, current.counter = seed, counter


def next_key() -> int:
    """A fresh integer for `generator`: 0, 1, 2, ... after `manual_seed`."""
    current = _current()
    with current.lock:
        key = current.counter
        current.counter += 1
    return key


def generator(*key: int) -> np.random.Generator:
    """The NumPy Generator of the stream named by (seed, *key)."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((_current().seed, *key))))


class Generator:
    """A stream of random numbers of one's own, for `randn`, `random_split`, a `DataLoader`.

    Attributes
    ----------
    seed, drawn : int
        What names its numbers: the seed, and how often something was drawn since it was set.
    """

    def __init__(self, device: Device = "cpu") -> None:
        if device != "cpu":
            raise ValueError(f"tinydl computes on the CPU: device {device!r} does not exist here")
        self.seed, self.drawn = 0, 0

    def manual_seed(self, seed: int) -> Self:
        """Set the seed; returns the generator."""
        self.seed, self.drawn = _count("seed", seed), 0
        return self

    def initial_seed(self) -> int:
        """The seed."""
        return self.seed

    def draw(self) -> np.random.Generator:
        """The NumPy Generator of the next numbers."""
        self.drawn += 1
        return np.random.Generator(np.random.Philox(np.random.SeedSequence((self.seed, _OWN_STREAM, self.drawn))))


@contextlib.contextmanager
def stream(seed: int = 0) -> Iterator[None]:
    """Draw from a stream of this thread's own inside the block; the process's state is left alone.

    Parameters
    ----------
    seed : int
        As `manual_seed` takes it, which inside the block sets the seed of this stream.

    Examples
    --------
    >>> with td.random.stream(5):      # in each of several threads: the weights that manual_seed(5) gives
    ...     net = td.models.lenet5()
    """
    with _drawing_from(_Stream(_count("seed", seed), 0)):
        yield


@contextlib.contextmanager
def uncounted() -> Iterator[None]:
    """Draw the next numbers inside the block, in this thread, without having drawn them afterwards."""
    with _drawing_from(_Stream(*state())):
        yield


@contextlib.contextmanager
def _drawing_from(stream):
    before, _thread.stream = _thread.stream, stream
    try:
        yield
    finally:
        _thread.stream = before
