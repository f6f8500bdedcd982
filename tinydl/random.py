"""Counter-based random numbers: a stream is named by a key, so nothing is stored and any number can be made again.

Every generator is Philox keyed by the global seed and the caller's integers (epoch, sample, layer, call). Streams do
not depend on threads, and NumPy's global random state is neither read nor changed.
"""

import threading

import numpy as np

__all__ = ["generator", "manual_seed", "next_key", "set_state", "state"]

_lock = threading.Lock()
_seed = 0
_counter = 0


def manual_seed(seed):
    """Set the seed of every later random number: initial weights, dropout, shuffling.

    Parameters
    ----------
    seed : int
        Any non-negative integer.
    """
    global _seed, _counter
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"the seed must be an integer, got {seed!r}")
    seed = seed.__index__()
    if seed < 0:
        raise ValueError(f"the seed must not be negative, got {seed}")
    with _lock:
        _seed, _counter = seed, 0


def state():
    """(seed, number of keys drawn): all there is to the random state."""
    return _seed, _counter


def set_state(value):
    """Return to a state that `state` gave."""
    global _seed, _counter
    seed, counter = value
    with _lock:
        _seed, _counter = int(seed), int(counter)


def next_key():
    """A fresh integer for `generator`: 0, 1, 2, ... after `manual_seed`."""
    global _counter
    with _lock:
        key = _counter
        _counter += 1
    return key


def generator(*key):
    """The NumPy Generator of the stream named by (global seed, *key)."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((_seed, *key))))
