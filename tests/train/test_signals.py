"""SIGINT and SIGTERM are noted, not acted upon, until the caller asks."""

import os
import signal
import threading

import pytest

from tinydl.train.signals import SignalWatch


def send(number):
    os.kill(os.getpid(), number)


def test_an_interrupt_is_held_back_until_it_is_asked_for():
    with SignalWatch() as watch:
        send(signal.SIGINT)
        assert watch.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt, match="training interrupted after batch 3"):
            watch.raise_received("after batch 3")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_is_not_held_back():
    with pytest.raises(KeyboardInterrupt), SignalWatch():
        send(signal.SIGINT)
        send(signal.SIGINT)


def test_termination_exits_with_its_code():
    with SignalWatch() as watch:
        send(signal.SIGTERM)
        with pytest.raises(SystemExit) as ended:
            watch.raise_received("now")
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_nothing_received_is_nothing_raised():
    with SignalWatch() as watch:
        watch.raise_received("now")
    assert watch.received is None


def test_the_users_own_handler_stays():
    seen = []
    former = signal.signal(signal.SIGINT, lambda *_: seen.append("own"))
    try:
        with SignalWatch() as watch:
            send(signal.SIGINT)
        assert seen == ["own"]
        assert watch.received is None
    finally:
        signal.signal(signal.SIGINT, former)


def test_other_threads_have_no_signals_to_watch():
    found = []

    def run():
        with SignalWatch():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
