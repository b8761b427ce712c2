"""What a page can do to the desk: only what makes it safer, at most once a second, each once."""

from __future__ import annotations

import getpass
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.halt.facts import halt_body, record_run
from qe_plugins.halt.latch import PERSON, HaltLatch, utc
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.facts import FactKind

APART = 1.0
"""Seconds between two actions."""

SAME = 10.0
"""Seconds within which a form that is sent again is the same press, not another action."""

KEPT = 64
"""Outcomes that are kept, so that a form sent twice is one action."""


class ActionOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, in lines; `command` is what a person types where it did not."""

    title: str
    lines: tuple[str, ...]
    command: str | None = None
    done: bool = True


class Actions:
    """Runs actions one at a time and keeps their outcomes under the number of their form."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = float("-inf")
        self._outcomes: OrderedDict[str, ActionOutcome] = OrderedDict()

    def once(self, number: str, act: Callable[[], ActionOutcome]) -> str:
        """Act, or do nothing where a form with this number just did; return its number.

        Raises QeError for an action less than a second after another one.
        """
        with self._lock:
            since = self._clock() - self._last
            if number in self._outcomes and since < SAME:
                return number
            if since < APART:
                raise QeError("an action less than a second ago.", where="observatory")
            self._outcomes[number] = act()
            self._last = self._clock()
            while len(self._outcomes) > KEPT:
                self._outcomes.popitem(last=False)
        return number

    def outcome(self, number: str) -> ActionOutcome | None:
        """Return what an action did, or None for an unknown number."""
        return self._outcomes.get(number)


def actor() -> str:
    """Return who acts: the login name of the Observatory's process."""
    try:
        return f"{getpass.getuser()} in the Observatory"
    except (OSError, KeyError, ImportError):
        return "a person in the Observatory"


def halt(reason: str) -> ActionOutcome:
    """Set the latch as `qe halt` does, read it back, and write the fact."""
    began = time.perf_counter()
    by = actor()
    try:
        in_force = HaltLatch.at_home().set(reason, PERSON, by=by)
    except QeError as error:
        title = "NOT halted everywhere"
        return ActionOutcome(title=title, lines=(str(error),), command="qe halt REASON", done=False)
    seen = HaltLatch.at_home().read()
    took = (time.perf_counter() - began) * 1000
    newest = in_force.later[-1] if in_force.later else in_force
    unwritten = record_run(FactKind.HALT, PERSON, halt_body(newest))
    running = [one for one in read_sessions()[0] if one.state != "died"]
    lines = [
        f"Halted since {utc(in_force.since)}, {newest.reason!r} by {newest.who}. The latch was "
        f"written and read back in {took:.0f} ms."
        if seen is not None
        else "The latch was written but could not be read back.",
        f"{len(running)} running sessions refuse what adds risk, and cancel entries that wait."
        if running
        else "No session runs on this machine; one that starts finds the halt.",
        "Positions and their stops are left as they are: Flatten closes them.",
        "The fact is in the journal."
        if unwritten is None
        else f"The fact is not in the journal: {unwritten} The halt is in force.",
    ]
    return ActionOutcome(title="Halted" if seen else "NOT halted", lines=tuple(lines))


def flatten(contract: str, reason: str) -> ActionOutcome:
    """Say which command flattens: no session here can be told to."""
    return ActionOutcome(
        title="NOT flattened",
        lines=(f"The Observatory cannot reach the node to flatten {contract}.",),
        command="qe flatten",
        done=False,
    )
