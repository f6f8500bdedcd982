"""How many threads the next kernels get on a machine that others use too.

A team waits at the end of every kernel until its last thread has had a core. Where other processes hold the cores, two
threads may so take longer than one; where the system shares the cores out by threads, they may still win. What decides
is measured: the kernels that were called in each second that passed, between the ends of training steps where there are
any, so that all windows hold the same mixture. CPU time would not do: a thread that spins while it waits for another
uses it too. Results do not depend on the answer, since every number of threads gives the same bits.
"""

import os
import time

__all__ = ["LATEST", "WINDOW", "Governor", "run_delay"]

WINDOW = 0.1       # seconds of a measurement: several time slices of the system
LATEST = 1.0        # seconds after which a window no longer waits for the end of a step
_LONGEST = 2.0      # a longer window holds a pause of the program, and says nothing of the machine
_BUSY = 0.7         # a team that gets this share of its CPU time is left alone
_DELAYED = 0.05     # a team that waits for cores so much of its time shares them with others; idle threads do not wait
_LOOK = 0.01        # share of the time that looking at the threads may take: there may be hundreds
_GAIN = 1.1         # a larger team must do so much more than a smaller one, of which others suffer less
_RECENT = 0.5       # weight of the last window in the rate of a team
_FIRST_HOLD, _LONGEST_HOLD = 1.0, 8.0  # seconds between trials: longer each time the answer stays
_SOON = 7 * WINDOW  # a whole team that is shrunk so soon again met its like: two programs that give way and come back


def run_delay():
    """Seconds that threads of this process were ready to run without a core; None where the system does not say."""
    total = 0
    try:
        for task in os.listdir("/proc/self/task"):
            try:
                with open(f"/proc/self/task/{task}/schedstat") as file:
                    total += int(file.read().split()[1])
            except FileNotFoundError:  # the thread has ended
                continue
    except (OSError, ValueError, IndexError):
        return None
    return total / 1e9


class Governor:
    """Chooses the size of a team from what the last windows of time have shown.

    Parameters
    ----------
    wanted : int
        Threads that a quiet machine gets; never more.
    wall, cpu, delay : callables
        Seconds that have passed, seconds of CPU time of the process, and `run_delay`.
    """

    def __init__(self, wanted, wall=time.monotonic, cpu=time.process_time, delay=run_delay):
        self.wall, self.cpu, self.delay = wall, cpu, delay
        self.wanted = self.size = wanted
        self.started, self.cpu_before = self.wall(), self.cpu()
        self.looked, self.look_at = None, 0.0  # (when, delay so far) of the last look at the threads, and the next one
        self.done_before = self.rate = 0.0  # calls so far, and a second, of late, by a team of this size
        self.compared = None  # (size, rate) of the team that a trial is compared with
        self.hold, self.trial_at = _FIRST_HOLD, 0.0
        # When the team was made whole last, when it may be next, and how long that waits after a failure.
        self.whole_at, self.whole_from, self.patience = -_LONGEST_HOLD, 0.0, _FIRST_HOLD
        self.shrinks = True  # the direction of the next trial: on where the last one gained, else back

    def next_size(self, done):
        """End a window: the size of the team for the next one.

        Parameters
        ----------
        done : int
            Kernels that were called so far.
        """
        now, cpu = self.wall(), self.cpu()
        passed = max(now - self.started, 1e-9)
        rate = (done - self.done_before) / passed
        demand, size = self._demand(now, (cpu - self.cpu_before) / passed), self.size
        self.rate = _RECENT * rate + (1 - _RECENT) * self.rate if self.rate else rate
        if passed > _LONGEST:
            pass
        elif self.compared is not None:
            self._settle(now, rate)
        elif now >= self.trial_at and demand:
            if self.size in (1, self.wanted):
                self.shrinks = self.size > 1
            self.compared = self.size, self.rate
            self.size = self.size // 2 if self.shrinks else min(self.wanted, 2 * self.size)
        elif demand is False and self.size < self.wanted and now >= self.whole_from:
            self.size, self.hold, self.whole_at, self.trial_at = self.wanted, _FIRST_HOLD, now, now
        if self.size != size:
            self.rate = 0.0
        self.started, self.cpu_before, self.done_before = now, cpu, done
        return self.size

    def _demand(self, now, rate):
        """Whether others want the cores too; None where this window does not tell.

        rate : CPU time that the process got in each second.
        """
        if self.size == self.wanted and rate >= _BUSY * self.size:
            self.looked = None  # the usual case costs no look at the threads
            return False
        if now < self.look_at:
            return None
        before, delay = self.looked, self.delay()
        self.looked = None if delay is None else (now, delay)
        self.look_at = now + (self.wall() - now) / _LOOK
        if before is None or delay is None:
            return None
        return delay - before[1] > _DELAYED * self.size * (now - before[0])

    def _settle(self, now, rate):
        """End a trial: keep the larger of the two teams only if it did clearly more."""
        (size, before), self.compared = self.compared, None
        larger_rate, smaller_rate = (rate, before) if self.size > size else (before, rate)
        chosen = max(size, self.size) if larger_rate > _GAIN * smaller_rate else min(size, self.size)
        if chosen == size:
            self.hold, self.shrinks = min(2 * self.hold, _LONGEST_HOLD), not self.shrinks
        else:
            self.hold = _FIRST_HOLD
            if chosen < size and now - self.whole_at < _SOON:
                self.hold = self.patience = min(4 * self.patience, _LONGEST_HOLD)
                self.whole_from = now + self.patience
            elif chosen < size:
                self.patience = _FIRST_HOLD
        self.size, self.trial_at = chosen, now + self.hold
