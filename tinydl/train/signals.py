"""Ctrl-C and SIGTERM: noted when they come in training, acted upon after the batch; at once around it."""

import contextlib
import signal
import threading

__all__ = ["SignalWatch", "Terminated", "sigterm_raises"]


class Terminated(SystemExit):
    """SIGTERM came; ends the program with exit code 143, as a shell would show it."""

    def __init__(self):
        super().__init__(128 + signal.SIGTERM)


def _terminate(number, frame):
    raise Terminated


@contextlib.contextmanager
def sigterm_raises():
    """Inside the block SIGTERM is an exception, Terminated, where it would have ended the program without a word.

    Only in the main thread, and only if the program has no handler of its own. A training in the block still ends
    after its batch.
    """
    mine = (threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
    if mine:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class SignalWatch:
    """Context manager that notes SIGINT and SIGTERM instead of acting on them.

    Only in the main thread, and only where the handler is Python's or the system's default or that of `sigterm_raises`:
    a handler of the user's own stays in place. The former handlers are back when the block ends. A second SIGINT is
    not held back.
    """

    _DEFAULTS = ((signal.SIGINT, (signal.default_int_handler,)), (signal.SIGTERM, (signal.SIG_DFL, _terminate)))

    def __init__(self):
        self.received = None
        self._former = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number, defaults in self._DEFAULTS:
                if signal.getsignal(number) in defaults:
                    self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc):
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()
        return False

    def _note(self, number, frame):
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number

    def raise_received(self, where):
        """Act on what was received, as the program would have done without the delay.

        The exceptions are of the plain types: Python ends a program with exit code 130 only for KeyboardInterrupt
        itself, not for a subclass.
        """
        if self.received == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        if self.received is not None:
            raise KeyboardInterrupt(f"training interrupted {where}")
