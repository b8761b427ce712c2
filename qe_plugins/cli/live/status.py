"""`qe status`: halted or not, sessions and desks that run or died, the journal, the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.output import echo, json_option, print_json

if TYPE_CHECKING:
    from qe_plugins.halt.status import SeenSession

PATIENCE = 3.0
"""Seconds to wait for the journal's answer."""


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show whether trading is halted, sessions and desks that run or died, journal and disk.

    A session is "silent" when its process exists and its heartbeat is late. The exit code is 0
    whatever is shown.
    """
    found = collect()
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            echo(line)


def collect() -> dict[str, Any]:
    """Return what `qe status --json` prints."""
    from qe_plugins import state_dir
    from qe_plugins.halt.desk_heartbeat import read_desks
    from qe_plugins.halt.latch import HaltLatch
    from qe_plugins.halt.status import read_sessions

    halt = HaltLatch.at_home().read()
    sessions, unreadable = read_sessions()
    desks, others = read_desks()
    return {
        "halted": halt is not None,
        "halt": halt,
        "line": None if halt is None else halt.line,
        "sessions": sessions,
        "desks": desks,
        "unreadable": [*unreadable, *others],
        "journal": _journal(),
        "disk": {"folder": str(state_dir.state_dir()), "free_bytes": state_dir.free_bytes()},
    }


def _journal() -> dict[str, Any]:
    """Return whether the journal can be written; `why` is None or the error in one line."""
    from qe_plugins.halt.facts import error_within
    from qe_plugins.journal.store import Journal

    why = error_within(PATIENCE, Journal.check, who="it")
    return {"writable": why is None, "why": why}


def _lines(found: dict[str, Any]) -> Iterator[str]:
    halt = found["halt"]
    yield f"halt      {'none' if halt is None else halt.line}"
    for later in [] if halt is None else halt.later:
        yield f"          {later.since:%Y-%m-%d %H:%M:%S} UTC by {later.who}: {later.reason}"
    if not found["sessions"]:
        yield "sessions  none"
    for seen in found["sessions"]:
        yield from _session_lines(seen)
    for desk in found["desks"]:
        state = f"SILENT for {desk.age:.0f} s" if desk.is_silent else "running"
        yield f"desk      {desk.status.name}  {state}, process {desk.status.pid}"
        yield f"          {desk.status.line}"
        if desk.status.doing:
            yield f"          now {desk.status.doing}"
    for line in found["unreadable"]:
        yield f"session   cannot be read: {line}"
    journal = found["journal"]
    yield f"journal   {'writable' if journal['writable'] else 'NOT WRITABLE: ' + journal['why']}"
    free = found["disk"]["free_bytes"]
    room = "unknown" if free is None else f"{free / 2**30:.1f} GiB free"
    yield f"disk      {room}, {found['disk']['folder']}"


def _session_lines(seen: SeenSession) -> Iterator[str]:
    one = seen.status
    state = seen.state if seen.state == "running" else seen.state.upper()
    yield (
        f"session   {one.run_id}  {one.mode}  {state}, process {one.pid}, "
        f"last heartbeat {seen.age:.0f} s ago"
    )
    yield f"          {one.name}, engine's clock {one.engine_time:%Y-%m-%d %H:%M:%S} UTC"
    for contract in sorted({*one.last_bars, *one.positions}):
        bar = one.last_bars.get(contract)
        closed = "no bar yet" if bar is None else f"last bar {bar:%Y-%m-%d %H:%M:%S} UTC"
        yield f"          {contract}  position {one.positions.get(contract, 0):+}, {closed}"
    money = [
        f"{what} {amount:,.2f} {one.currency}"
        for what, amount in (("equity", one.equity), ("P&L of the day", one.day_pnl))
        if amount is not None
    ]
    if money:
        yield f"          {', '.join(money)}"
    if one.last_decision:
        yield f"          last decision: {one.last_decision}"
    if one.waits:
        yield f"          no new risk: {one.waits}"
    for name, reading in sorted(one.readings.items()):
        yield f"          {name}: {reading.text}{'  FIRED' if reading.fired else ''}"
