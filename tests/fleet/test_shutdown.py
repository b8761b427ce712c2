"""A stop request takes effect whenever it comes, also for a process that waits."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from qe_plugins.fleet.shutdown import SIGNALS, StopRequest, on_signals


@pytest.mark.parametrize("which", SIGNALS, ids=lambda which: which.name)
def test_a_signal_requests_a_stop_and_a_second_one_has_its_usual_effect(which):
    heard = []
    before = signal.signal(which, lambda *_: heard.append(which))
    try:
        with on_signals() as stop:
            os.kill(os.getpid(), which)
            assert stop.wait(5)
            assert heard == []
            os.kill(os.getpid(), which)
        assert heard == [which]
    finally:
        signal.signal(which, before)


def test_a_signal_that_comes_as_a_wait_begins_ends_the_wait():
    for turn in range(40):
        with on_signals() as stop:
            ring = threading.Timer(0.0005 * (turn % 8), os.kill, (os.getpid(), signal.SIGTERM))
            ring.start()
            until = time.monotonic() + 10
            while not stop.wait(0.0001):
                assert time.monotonic() < until
            ring.join()


def test_a_callback_is_called_once_also_when_added_late():
    stop, told = StopRequest(), []
    with stop.notifies(lambda: told.append("early")):
        stop.request()
        stop.request()
    with stop.notifies(lambda: told.append("late")):
        pass

    assert told == ["early", "late"]
    assert stop.wait(0)
