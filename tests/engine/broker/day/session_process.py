"""A live session whose clock is set from outside, step by step: `python -m ... FILE PORT`.

The wall clock stands still between two steps, and the monotonic clock is the real one: so no limit
in seconds runs out because a machine is busy. Timers of the session's components fire at their
step; a step is done once the session has nothing in flight at the broker.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from nautilus_trader.common import DataActor

from qe_plugins.engine.live import faked_clock
from qe_plugins.engine.live.tape_timers import TapeTimers

POLL = 2_000_000
"""Nanoseconds, of real time, between two looks for a step."""

SETTLES = 2
"""Looks for which what the broker has sent may be on its way to the trading thread."""

PATIENCE = 1.0
"""Seconds, of real time, for which a step waits for the broker's answers."""


class Stepper(DataActor):
    """Takes the steps on the trading thread. `begin` connects it to a session."""

    def begin(self, session: Any, looks: list[Any], control: socket.socket) -> None:
        self.session, self.looks, self.control = session, looks, control
        self.timers = session.context.timers = TapeTimers(lambda _ts: None)
        self.due = self.polls = 0
        self.waits_until: float | None = None
        self.wants_quote = False
        session.listeners.quotes.append(self.on_quoted)

    def on_start(self) -> None:
        self.clock.set_timer_ns("STEPS", POLL, callback=self.on_poll)
        self.say(ready=True)

    def say(self, **fields: Any) -> None:
        self.control.sendall(json.dumps(fields).encode() + b"\n")

    def on_poll(self, _event: Any) -> None:
        due = self.due
        if not due or self.session.again:  # it ends: time stands until the next session
            return
        self.polls += 1
        if self.waits_until is None:
            self.waits_until = time.monotonic() + PATIENCE
        is_late = time.monotonic() >= self.waits_until
        if self.polls <= SETTLES or (self.wants_quote and not is_late):
            return
        while (at := self.timers.next()) is not None and at <= due:
            self.timers.fire(at)
        if self.in_flight() and not is_late:
            return
        self.due, self.polls, self.waits_until = 0, 0, None
        self.say(done=True)

    def on_quoted(self, _quote: Any) -> None:
        self.wants_quote = False

    def in_flight(self) -> bool:
        asked = any(one._is_asked for one in self.looks)
        return asked or bool(self.session.context.cache.orders_inflight())


def obey(stepper: Stepper) -> None:
    """Set the clock as told, and pass steps on to the trading thread."""
    for line in stepper.control.makefile():
        command = json.loads(line)
        match command["do"]:
            case "set":
                stepper.wants_quote = command["quotes"]
                faked_clock.step(command["at"])
                stepper.say(set=True)
            case "step":
                stepper.due = command["at"]
            case "stop":
                stepper.session.stop()


def main(file: Path, port: int) -> None:
    faked_clock.begin()
    from qe_plugins.cli.live.live import supervisors
    from qe_plugins.engine.broker.preparation import prepare_live
    from qe_plugins.engine.broker.run import run_live

    control = socket.create_connection(("127.0.0.1", port))
    watching = supervisors()
    looks: list[Any] = []

    class Found:
        """Notes the connection that compares both books, once it is there."""

        def start(self, _session: Any) -> None:
            looks.extend(one.look for one in watching if hasattr(one, "look"))

        def stop(self) -> None:
            pass

    stepper = Stepper()

    def begin(session: Any, run_id: str) -> None:
        stepper.begin(session, looks, control)
        session.node.add_actor(stepper)
        threading.Thread(target=obey, args=(stepper,), daemon=True).start()
        stepper.say(run=run_id)

    finished = run_live(
        prepare_live(file), show=lambda _view: None, begin=begin, supervisors=[*watching, Found()]
    )
    finished.close_run()
    stepper.say(ended=True, rolled=bool(finished.again))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
