"""A simulated TWS and a live session on one clock that is stepped: as fast as both can follow.

Time does not go on before the session has done what was due, so that a day at many times real time
is the same day on a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from qe_plugins.engine.live import faked_clock
from qe_plugins.testing.tws import GatewaySettings, SimulatedTws, SteppedClock
from qe_plugins.testing.tws.exchange.prices import PriceFeed

TICK = 1.0
"""Seconds of the simulated clock between two prices."""

LONGEST = 120.0
"""Seconds, of real time, for which a step may take."""

STILL = 8
"""Seconds after each full minute in which the price stands: an order at a bar's close fills there,
as in a backtest."""


class MinuteWalk:
    """A random walk of at most one tick a second, with a drift that changes every half hour."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._drift = 0.0
        self._until = 0.0

    def step(self, now: float, ticks: int) -> int:
        """Return the price in ticks at a time; it was `ticks` at the step before."""
        if now >= self._until:
            self._until = now + 1800
            self._drift = self._random.choice((-0.12, -0.05, 0.0, 0.05, 0.12))
        if now % 60 < STILL:
            return ticks
        moves = 0.45
        draw = self._random.random()
        if draw < moves / 2 + self._drift / 2:
            return ticks + 1
        return ticks - 1 if draw > 1 - moves / 2 + self._drift / 2 else ticks


class SimulatedDay:
    """Steps the gateway and a session from `start`, by `step` seconds of the simulated clock.

    `events` are called at their times, `on_step` after each step. `run_ids` are those of the
    sessions, a new one after each roll; `memory` has the resident megabytes of each of them by the
    simulated time at which they were read, and `starting` is how many seconds of real time their
    starts took, while the simulated clock stood.
    """

    def __init__(
        self, folder: Path, start: datetime, feed: PriceFeed, *, step: float = TICK
    ) -> None:
        self.folder, self.start, self.step = folder, start.timestamp(), step
        self.clock = SteppedClock(self.start)
        self.home = folder / "home"
        self.run_ids: list[str] = []
        self.memory: list[list[tuple[float, float]]] = []
        self.events: list[tuple[float, Callable[[], None]]] = []
        self.on_step: list[Callable[[], None]] = []
        self.log = folder / "session.txt"
        self.starting = 0.0
        settings = GatewaySettings(
            hours="cme",
            tick_seconds=TICK,
            spread=2,
            state=folder / "gateway.json",
        )
        self.tws = SimulatedTws(settings, feed=feed, clock=self.clock)
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> Self:
        self.tws.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(60)
        self._listener.close()
        self.tws.__exit__(*error)

    @property
    def now(self) -> datetime:
        """Return the simulated time."""
        return datetime.fromtimestamp(self.clock.time, UTC)

    def at(self, when: datetime, call: Callable[[], None]) -> None:
        """Call something at a simulated time."""
        self.events = sorted([*self.events, (when.timestamp(), call)], key=lambda one: one[0])

    def run(self, file: Path, until: datetime) -> float:
        """Run sessions of a configuration until a time; return the seconds of real time."""
        began = time.monotonic()
        self._begin(file)
        while self.clock.time < until.timestamp():
            if not self._step():
                self._begin(file)  # the session has rolled
        self._tell(do="stop")
        self._heard("ended")
        self._process.wait(LONGEST)
        return time.monotonic() - began

    def _begin(self, file: Path) -> None:
        began = time.monotonic()
        environment = os.environ | faked_clock.SETTINGS
        environment |= {
            "QE_HOME": str(self.home),
            "LD_PRELOAD": str(faked_clock.library()),
            "FAKETIME": f"{self.clock.time:.9f}",
            "PYTHONPATH": str(Path.cwd()),
        }
        name, port = "tests.engine.broker.day.session_process", self._listener.getsockname()[1]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", name, str(file), str(port)],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._listener.settimeout(LONGEST)
        self._control = self._listener.accept()[0]
        self._control.settimeout(LONGEST)
        self._lines = self._control.makefile()
        self.run_ids.append(self._heard("run")["run"])
        self.memory.append([])
        self._heard("ready")
        self.starting += time.monotonic() - began

    def _step(self) -> bool:
        """Take a step; return whether the session goes on."""
        while self.events and self.events[0][0] <= self.clock.time:
            self.events.pop(0)[1]()
        # Nautilus' adapter closes a bar by the clock: no step may pass a bar's last prices
        step = TICK if self.clock.time % 60 >= 60 - self.step else self.step
        at = self.clock.time + step
        quotes = self.tws.server.gateway.hours.is_open(at)
        self._tell(do="set", at=round(at * 1e9), quotes=quotes)
        if "ended" in self._heard("set", "ended"):
            return False
        self._advance(step)
        self._tell(do="step", at=round(at * 1e9))
        if "ended" in self._heard("done", "ended"):
            return False
        for call in self.on_step:
            call()
        if at % 600 == 0:
            self.memory[-1].append((at, resident(self._process.pid)))
        return True

    def _advance(self, step: float) -> None:
        async def advance() -> None:
            self.tws.server.gateway.timetable.advance(self.clock, step)

        asyncio.run_coroutine_threadsafe(advance(), self.tws._loop).result(LONGEST)

    def _tell(self, **command: Any) -> None:
        self._control.sendall(json.dumps(command).encode() + b"\n")

    def _heard(self, *wanted: str) -> dict[str, Any]:
        """Return the next answer of one of some kinds."""
        while line := self._lines.readline():
            answer: dict[str, Any] = json.loads(line)
            if any(kind in answer for kind in wanted):
                return answer
        raise AssertionError(f"the session ended at {self.now}:\n{self.log.read_text()[-4000:]}")


def resident(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    [line] = [one for one in text.splitlines() if one.startswith("VmRSS:")]
    return math.ceil(int(line.split()[1]) / 1024 * 10) / 10
