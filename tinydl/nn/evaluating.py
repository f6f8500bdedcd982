"""Evaluation mode of a thread, which changes no module."""

import contextlib
import threading

__all__ = ["evaluating", "is_evaluating"]


class _Thread(threading.local):
    evaluates = False


_thread = _Thread()


def is_evaluating():
    """Whether this thread is inside `evaluating`."""
    return _thread.evaluates


@contextlib.contextmanager
def evaluating():
    """Inside the block every module is in evaluation mode, in this thread only.

    No module is changed, so a net may be evaluated in some threads while another one trains it.
    """
    before = _thread.evaluates
    _thread.evaluates = True
    try:
        yield
    finally:
        _thread.evaluates = before
