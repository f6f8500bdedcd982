"""Several computations that wait for each other, in one process: one runs at a time, in the order of their numbers."""

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

from tinydl import config, random

__all__ = ["Lockstep"]


class _Left(BaseException):
    """Ends a computation whose partners have failed; no handler of ordinary errors takes it."""


class _Task:
    """One of the computations: what it brought to a meeting, what it got there, and how it ended."""

    def __init__(self, function, k):
        self.function, self.k = function, k
        self.go = threading.Semaphore(0)
        self.value = self.answer = self.error = None
        self.ended = self.closed = False


class Lockstep:
    """Runs tasks up to their meetings: all tasks reach one before any goes on.

    A task waits in the middle of a forward or backward pass, so it has a thread. Never do two of them run at the same
    time: what tasks share needs no lock, and each finds it as `leave` kept it. Threads are kept for later runs, since
    every thread has a team of OpenMP threads of its own. A single task runs in the thread of the caller.

    Parameters
    ----------
    enter, leave : callable
        ``enter(k)`` is called before task `k` goes on, ``leave(k)`` when it waits or has ended, both by the caller's
        thread; not for a single task, whose things nobody else touches.
    """

    def __init__(self, enter, leave):
        self.enter, self.leave, self._pool = enter, leave, None

    def run(self, functions, exchange):
        """Run the tasks to their ends.

        Parameters
        ----------
        functions : sequence of callable
            ``function(meet)``; ``meet(value)`` waits for all others and returns what they made of it.
        exchange : callable
            ``exchange(values, failed)`` gets what each task brought to a meeting, None of those that have ended, and
            whether one of them failed; returns what all tasks get, or None to end them. Called at least once.

        Returns
        -------
        list
            The error of each task, or None.
        """
        tasks = [_Task(function, k) for k, function in enumerate(functions)]
        if len(tasks) == 1:
            return [_alone(tasks[0], exchange)]
        back, begun = threading.Semaphore(0), []
        if self._pool is None and tasks:
            self._pool = ThreadPoolExecutor(len(tasks), "tinydl-shard")
        try:
            for task in tasks:
                self._pool.submit(contextvars.copy_context().run, _work, task, dict(config.mode.__dict__), back)
                begun.append(task)
            while True:
                for task in tasks:
                    if not task.ended:
                        self.enter(task.k)
                        task.go.release()
                        back.acquire()
                        self.leave(task.k)
                answer = exchange([task.value for task in tasks], any(task.error is not None for task in tasks))
                if answer is None:
                    break
                for task in tasks:
                    task.answer = answer
        finally:
            for task in begun:
                task.closed = True
                while not task.ended:
                    task.go.release()
                    back.acquire()
        return [task.error for task in tasks]


def _work(task, mode, back):
    """A task in its thread; it begins when it is let go."""
    def meet(value):
        task.value = value
        back.release()
        task.go.acquire()
        if task.closed:
            raise _Left
        return task.answer

    task.go.acquire()
    config.mode.__dict__.clear()
    config.mode.__dict__.update(mode)
    try:
        if not task.closed:
            with random.stream():
                task.function(meet)
    except _Left:
        pass
    except BaseException as error:
        task.error = error
    finally:
        task.value, task.ended = None, True
        back.release()


def _alone(task, exchange):
    """Run a single task here; returns its error."""
    def meet(value):
        answer = exchange([value], False)
        if answer is None:
            raise _Left
        return answer

    error, mode = None, dict(config.mode.__dict__)
    try:
        task.function(meet)
    except _Left:
        return None
    except Exception as met:
        error = met
    finally:
        config.mode.__dict__.clear()
        config.mode.__dict__.update(mode)
    while exchange([None], error is not None) is not None:
        pass
    return error
