"""What a page can do to the desk: only what makes it safer, at most once a second, each once."""

from __future__ import annotations

import getpass
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.halt.facts import halt_body, record_run
from qe_plugins.halt.latch import PERSON, HaltLatch, utc
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
from qe_plugins.journal.activity.report import record
from qe_plugins.journal.facts import FactKind
from qe_plugins.safe_text import in_words

APART = 1.0
"""Seconds between two actions."""

SAME = 10.0
"""Seconds within which a form that is sent again is the same press, not another action."""

FLATTEN_WITHIN = 40.0
"""Seconds that `qe flatten`, which gives up after 20 by itself, may take."""

KEPT = 64
"""Outcomes that are kept, so that a form sent twice is one action."""


class TooSoon(QeError):  # noqa: N818 - a state, not a mistake
    """An action came less than a second after another one."""


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

        Raises TooSoon for an action less than a second after another one.
        """
        with self._lock:
            since = self._clock() - self._last
            if number in self._outcomes and since < SAME:
                return number
            if since < APART:
                raise TooSoon(
                    "an action less than a second ago.", where="observatory", hint="Press again."
                )
            self._outcomes[number] = outcome = act()
            _note(outcome)
            self._last = self._clock()
            while len(self._outcomes) > KEPT:
                self._outcomes.popitem(last=False)
        return number

    def outcome(self, number: str) -> ActionOutcome | None:
        """Return what an action did, or None for an unknown number."""
        return self._outcomes.get(number)


def _note(outcome: ActionOutcome) -> None:
    """Write what an action did to the journal's lines."""
    record(
        PipelineEntry(
            process="observatory",
            kind=ActivityKind.ACTION,
            text=f"{outcome.title}: {outcome.lines[0] if outcome.lines else ''}",
            severity=Severity.INFO if outcome.done else Severity.ALARM,
            actor=actor(),
        )
    )


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
    """Run `qe flatten`, which halts, asks the watcher or connects itself, and verifies twice.

    What it printed is what happened. It closes every contract that the watched configuration
    names, so `contract` is only the reason's.
    """
    words = ["flatten", "--json", "--reason", f"{reason}: {contract}"]
    typed = "qe flatten"
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "qe_plugins.cli", *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=FLATTEN_WITHIN,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        latched = halt(f"{reason}: {contract}")
        lines = (f"`qe flatten` gave no answer: {in_words(error)}", *latched.lines)
        return ActionOutcome(title="NOT KNOWN to be flat", lines=lines, command=typed, done=False)
    took = time.perf_counter() - began
    said = [one for one in done.stderr.splitlines() if one.strip()][-8:]
    try:
        report = msgspec.json.decode(done.stdout.encode(), type=dict[str, Any])
    except msgspec.DecodeError:
        latched = halt(f"{reason}: {contract}")
        lines = (*said, *latched.lines)
        return ActionOutcome(title="NOT flattened", lines=lines, command=typed, done=False)
    is_flat = done.returncode == 0 and report.get("is_flat") is True
    how = f"{report.get('seconds', took):.2f} s, by {report.get('by', 'alone')}"
    lines = (
        f"Account {report.get('account', '')}: flat, verified 2x, in {how}."
        if is_flat
        else f"Account {report.get('account', '')}: {report.get('problem')} ({how}).",
        *(f"closed {one}" for one in report.get("closed", ())),
        *(f"cancelled {one}" for one in report.get("cancelled", ())),
        *(f"left as it is, not named: {one}" for one in report.get("left", ())),
        *said,
        "The halt is in force.",
    )
    title = "Flat" if is_flat else "NOT flat"
    return ActionOutcome(title=title, lines=lines, command=None if is_flat else typed, done=is_flat)
