"""How long a call may take, for the programs that look for hangs.

Seconds of the processor, of all threads together: a process that is stopped, or waits for a busy machine, does not
hang. One that waits for a lock takes none of them, so there is a far longer limit of the wall clock too.
"""

import contextlib
import signal

SECONDS = 10        # of the processor
ASLEEP = 1200       # of the wall clock


class Hangs(BaseException):
    """No error that a callee may take for one of its own."""


def _raises(number, frame):
    raise Hangs(f"after {SECONDS} seconds of the processor")


@contextlib.contextmanager
def clock(raises=False):
    """What takes longer ends the process, by SIGPROF or SIGALRM, whatever it does.

    With `raises` the first of them is the exception Hangs, which ends what comes back to Python; the rest ends by the
    second.
    """
    if raises:
        signal.signal(signal.SIGPROF, _raises)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, ASLEEP)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
