"""A live session at the simulated TWS whose invariant is checked while things go wrong."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock, LiveProcess, write_config

TRADER = "tests.engine.supervision.watched_trader:Watched"
EQUAL_WITHIN, PROTECTED_WITHIN = 15.0, 5.0
UNWATCHED = 3.0
"""Seconds without a check after which a difference counts as a new one."""

SLACK = 2.0
"""Seconds that a busy machine may add to either."""


class FaultyDesk:
    """A gateway, and a session that is started again where it dies."""

    def __init__(
        self,
        tws: SimulatedTws,
        clock: AheadClock,
        folder: Path,
        trader: str = TRADER,
        **changes: Any,
    ) -> None:
        self.tws, self.clock, self.folder = tws, clock, folder
        # a busy gateway that takes longer than a bar of 5 s never has all of the history
        changes["broker"] = {"warm_up": 0} | changes.get("broker", {})
        self.file = write_config(folder, tws.port, **changes)
        self.file.write_text(
            self.file.read_text().replace("tests.engine.broker.live_traders:Driven", trader)
        )
        self.latch = HaltLatch(folder / "home" / "halt.json")
        self._told = self._seen = self.orders_before = 0
        self._checked = 0.0
        self._differs: float | None = None
        self._naked: float | None = None
        self.live = self._started()

    def _started(self) -> LiveProcess:
        (self.folder / "book.json").unlink(missing_ok=True)
        self._told = self._seen = 0
        return LiveProcess(self.file, self.clock)

    def start(self) -> None:
        """Start the session again."""
        self.live = self._started()

    def kill(self) -> None:
        """End the session as kill -9 does."""
        self.live.kill()

    def take_up(self, seconds: float = 180.0) -> None:
        """Start the session until it has a book, as a service manager does.

        A broker that does not answer ends it within half a minute.
        """
        end = time.monotonic() + seconds
        while not self.book()["at"]:
            assert time.monotonic() < end, f"no book\n{self.story()}"
            if self.live.process.poll() is not None:
                self.kill()
                self.start()
            time.sleep(0.1)
        self._differs = self._naked = None  # while it was dead there was none to compare

    def resume(self) -> None:
        """End a halt as a person does; what still holds halts again."""
        self.latch.clear("a test")
        self._differs = self._naked = None

    def ready(self, seconds: float = 240.0) -> None:
        """Wait until the session may enter."""
        self.live.wait("ready", seconds=seconds)

    def enter(self) -> None:
        """Buy with a bracket, and wait until its exits work at the broker."""
        self.live.do("enter")
        self.tws.wait_until(lambda now: now.net() == 1 and len(now.open_orders()) == 2, 60)
        self.until(lambda: self.book()["net"] == 1 and len(self.book()["orders"]) == 2, "entered")
        self.settled(0.5)

    def book(self) -> dict[str, Any]:
        """Return our book, as the session last wrote it."""
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.folder / "book.json").read_text())
            return found
        return {"at": 0.0, "net": 0, "orders": {}, "refusal": "no session"}

    def begin(self) -> None:
        """Begin a test once the session may enter: only what is told from now on counts."""
        self.latch.clear("a test")  # a busy machine may have halted it while it started
        self.settled()
        self._told = len(self.live.facts(FactKind.ALARM))
        self._seen = len(self.live.events())
        self.orders_before = len(self.tws.control.received("PlaceOrderRequest", 21))

    def settled(self, seconds: float = 1.5) -> None:
        """Wait until the session may enter, and could for so many seconds."""
        since = time.monotonic()
        end = since + 90
        while time.monotonic() - since < seconds:
            assert time.monotonic() < end, f"it may not enter\n{self.story()}"
            if self.book()["refusal"]:
                since = time.monotonic()
            time.sleep(0.1)
        self._differs = self._naked = None  # both books were equal meanwhile

    def alarms(self) -> list[Fact]:
        """Return the alarms since the test began."""
        return self.live.facts(FactKind.ALARM)[self._told :]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the strategy's events of a kind since the test began."""
        return [one for one in self.live.events()[self._seen :] if one["event"] == kind]

    def bars(self) -> list[dict[str, Any]]:
        """Return the bars since the test began."""
        return self.events("bar")

    def rejected(self) -> int:
        """Return how many orders were rejected since the test began."""
        return len(self.events("rejected"))

    def refused(self, why: str) -> bool:
        """Return whether a modification was refused for a reason."""
        return any(why in one["reason"] for one in self.events("modify_rejected"))

    def denied(self, why: str) -> bool:
        """Return whether an order was denied for a reason."""
        return any(why in one["reason"] for one in self.events("denied"))

    def texts(self) -> str:
        """Return what was told, a line each."""
        return "\n".join(str(one.body["text"]) for one in self.alarms())

    @property
    def halted(self) -> bool:
        """Return whether the latch is set."""
        return self.latch.read() is not None

    def is_equal(self) -> bool:
        """Return whether both books hold the same."""
        book, control = self.book(), self.tws.control
        theirs = {one["order_ref"] for one in control.open_orders()}
        return book["net"] == control.net() and set(book["orders"]) == theirs

    def stops(self) -> list[dict[str, Any]]:
        """Return the live stops at the broker that last and work outside regular hours."""
        return [
            one
            for one in self.tws.control.open_orders()
            if one["type"] == "STP"
            and one["fields"].get("outsideRth")
            and one["fields"].get("tif") == "GTC"
        ]

    def until(self, condition: Any, what: str = "", seconds: float = 40.0) -> None:
        """Check the invariant until a condition holds. Raises AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.story()}"
            self.check()
            time.sleep(0.1)

    def watch(self, seconds: float) -> None:
        """Check the invariant for some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            time.sleep(0.1)

    def check(self) -> None:
        """Books equal within 15 s or halted; one live stop within 5 s or an alarm."""
        now = time.monotonic()
        if now - self._checked > UNWATCHED:
            self._differs = self._naked = None  # nothing is known of the time between
        self._checked = now
        if self.is_equal():
            self._differs = None
        elif self._differs is None:
            self._differs = now
        if self._differs is not None and now - self._differs > EQUAL_WITHIN + SLACK:
            assert self.halted, f"not equal for 15 s and not halted\n{self.story()}"
        net = self.tws.control.net()
        is_protected = not net or sum(one["quantity"] == abs(net) for one in self.stops()) == 1
        if is_protected:
            self._naked = None
        elif self._naked is None:
            self._naked = now
        if self._naked is not None and now - self._naked > PROTECTED_WITHIN + SLACK:
            since = time.time() + self.clock.ahead - (now - self._naked) - EQUAL_WITHIN
            alarmed = [one for one in self.alarms() if one.ts_event / 1e9 >= since]
            assert alarmed or self.halted, f"no stop for 5 s and no alarm\n{self.story()}"

    def recover(self) -> None:
        """End all faults, close everything at the broker and resume, as a person does."""
        control = self.tws.control
        control.heal()
        if "gateway lost IB" in self.texts():
            control.restore_connectivity()
        for one in control.open_orders():
            with suppress(ValueError):
                control.cancel_as_person(one["perm_id"])
        if net := control.net():
            control.manual_order("SELL" if net > 0 else "BUY", abs(net))
        control.move(6500)
        self.until(lambda: self.is_equal() and not self.book()["orders"], "recovered", 60)
        self.latch.clear("a test")

    def story(self) -> str:
        """Return what is known of both books and what was told."""
        control = self.tws.control
        theirs = [(one["order_ref"], one["type"], one["status"]) for one in control.open_orders()]
        broker = f"broker {control.net()} {theirs}"
        errors = self.live.errors.read_text()[-2000:]
        return f"{broker}\nours {self.book()}\nhalt {self.latch.read()}\n{self.texts()}\n{errors}"


def run_desk(tws: SimulatedTws, clock: AheadClock, folder: Path, **changes: Any) -> FaultyDesk:
    """Return a desk whose session may enter."""
    desk = FaultyDesk(tws, clock, folder, **changes)
    try:
        desk.ready()
    except BaseException:
        desk.kill()
        raise
    return desk
