import os
import signal
import threading

import pytest

from tinydl.train.signals import SignalWatch, Terminated, sigterm_raises


@pytest.fixture(autouse=True)
def handlers():
    """Python's usual handlers, and those of before afterwards."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


def kill(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "error", "message"), [
    (signal.SIGINT, KeyboardInterrupt, "training interrupted after batch 3"), (signal.SIGTERM, SystemExit, "143")])
def test_a_signal_is_noted_and_acted_upon_later(number, error, message):
    with SignalWatch() as watch:
        kill(number)
        assert watch.received == number
    with pytest.raises(error, match=message):
        watch.raise_received("after batch 3")


def test_nothing_received():
    with SignalWatch() as watch:
        pass
    watch.raise_received("here")


def test_a_second_signal_is_not_held_back():
    with pytest.raises(KeyboardInterrupt), SignalWatch():
        kill(signal.SIGINT)
        kill(signal.SIGINT)


def test_sigterm_is_an_exception():
    with pytest.raises(Terminated) as caught, sigterm_raises():
        kill(signal.SIGTERM)
        raise AssertionError("nothing happened")
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_training_inside_notes_it_all_the_same():
    with sigterm_raises():
        with SignalWatch() as watch:
            kill(signal.SIGTERM)
            assert watch.received == signal.SIGTERM
        with pytest.raises(Terminated):
            kill(signal.SIGTERM)


def test_a_handler_of_the_program_stays():
    got = []
    signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
    with sigterm_raises(), SignalWatch() as watch:
        kill(signal.SIGTERM)
    assert got == [signal.SIGTERM] and watch.received is None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with SignalWatch() as watch:
        kill(signal.SIGINT)
    assert watch.received is None
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_leave_the_handlers_alone():
    seen = []

    def work():
        with sigterm_raises(), SignalWatch():
            seen.append((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.default_int_handler, signal.SIG_DFL)]
