"""Ctrl-C and SIGTERM during training: noted when they come, acted upon after the batch."""

import signal
import threading

__all__ = ["SignalWatch"]


class SignalWatch:
    """Context manager that notes SIGINT and SIGTERM instead of acting on them.

    Only in the main thread, and only where the handler is Python's or the system's default: a handler of the user's own
    stays in place. The former handlers are back when the block ends. A second SIGINT is not held back.
    """

    _DEFAULTS = ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL))

    def __init__(self):
        self.received = None
        self._former = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number, default in self._DEFAULTS:
                if signal.getsignal(number) is default:
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
