"""What a command tells: words and results on standard output, notes and errors on standard error."""

import contextlib
import json
import math
import sys
import textwrap
import time

__all__ = ["Output", "UserError", "any_words"]

_QUIET_FOR = 1.0  # seconds of reading before progress is shown
_WIDTH, _NAME = 80, 7  # columns of a line, and of the name before a sentence


class UserError(Exception):
    """Something the user can put right; becomes one line and exit code 2."""


def _plain(value):
    """A value as JSON holds it: nan and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextlib.contextmanager
def any_words():
    """Let standard output write what its encoding lacks (names of files) with backslashes, as standard error does."""
    stream = sys.stdout
    if getattr(stream, "errors", None) != "strict" or not hasattr(stream, "reconfigure"):
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # closed, or a pipe without a reader
            stream.reconfigure(errors="strict")


class Output:
    """Where a command speaks.

    Parameters
    ----------
    command : str
    quiet : bool
        Say nothing on the way, the result alone.
    json : bool
        Quiet, and the result as one line of JSON.
    silent : bool
        Say nothing at all: another rank speaks.
    """

    def __init__(self, command, quiet=False, json=False, silent=False):
        self.command, self.json, self.quiet, self.silent = command, json, quiet or json or silent, silent
        self._begun, self._live = time.monotonic(), False

    def say(self, text=""):
        """A line on the way."""
        if not self.quiet:
            print(text, flush=True)

    def row(self, name, text):
        """A sentence behind a name, in lines of 80 columns that begin below the sentence; a longer word stays whole."""
        self.say(textwrap.fill(text, _WIDTH, initial_indent=f"{name:{_NAME}}", subsequent_indent=" " * _NAME,
                               break_long_words=False, break_on_hyphens=False))

    def result(self, text, facts):
        """What the command was for: lines of text, or facts as JSON."""
        if not self.silent:
            print(json.dumps(_plain(facts)) if self.json else text, flush=True)

    def note(self, text):
        """A line on standard error."""
        if self.silent:
            return
        self._end_progress()
        print(f"tinydl: {text}", file=sys.stderr, flush=True)

    def error(self, text):
        """The line of an error."""
        self._end_progress()
        print(f"tinydl {self.command}: error: {text}", file=sys.stderr, flush=True)

    def progress(self, what, done, total):
        """How far something is, on a terminal and when it takes long."""
        if self.quiet or not sys.stderr.isatty():
            return
        if not self._live and (time.monotonic() - self._begun < _QUIET_FOR or done == total):
            return
        self._live = True
        share = f"{100 * done / total:3.0f} %" if total else f"{done:,}"
        print(f"\r{what}: {share}", end="", file=sys.stderr, flush=True)
        if done == total:
            self._end_progress()

    def _end_progress(self):
        if self._live:
            print(file=sys.stderr)
            self._live = False
