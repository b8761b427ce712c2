"""`/orchestration`: scans, the whole fleet of one on one screen, and a node down to its request."""

from __future__ import annotations

import time
from typing import Any

from qe_plugins.fleet.scan.progress import ScanNow, ScanState, WorkerState, counts_of
from qe_plugins.journal.facts import FactKind
from qe_plugins.observatory.fleet_reader import BudgetRow, FleetReader, ListedScan
from qe_plugins.observatory.live.feeds import Feed
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.render import environment
from qe_plugins.observatory.sources import Sources
from qe_plugins.wall_clock import nanoseconds, now

MOST_POSTURES = 10

EVERY = 1.0
"""Seconds between two looks at a running scan, which writes many times a second."""

STEP = 4
"""Width of a worker in a strip, in units of its drawing."""

MARKS: dict[WorkerState, str] = {
    WorkerState.LONG: "M{} 10v-9",
    WorkerState.SHORT: "M{} 10v9",
    WorkerState.SILENT: "M{} 9v2",
    WorkerState.FAILED: "M{} 2v3m0 3v3m0 3v3",
    WorkerState.ASKED: "M{} 8v4",
}
"""How a worker is drawn, by its state; one that waits is left blank."""


def page(sources: Sources) -> Page:
    """Return the pages of the fleet."""
    templates, fleet, panels = environment(), sources.fleet, sources.panels

    def scans(asked: Asked) -> Shown:
        found, older = fleet.scans()
        values = {
            "scans": found,
            "older": older,
            "costs": {by: fleet.costs(by) for by in ("rank", "model", "day")},
            "budgets": _budgets(fleet, found),
            "messages": fleet.messages(),
            "postures": _postures(sources),
            "now_ns": nanoseconds(now()),
            "panels": panels.of("orchestration"),
        }
        return Shown(template="orchestration.html", values=values, feeds=("scans",))

    def scan(asked: Asked) -> Shown:
        found = fleet.progress(asked.path["scan"])
        fleet.warm(found.scan_id)
        values = {
            **_fleet_values(found),
            "costs": {by: fleet.costs(by, found.scan_id) for by in ("rank", "model")},
            "budgets": fleet.budgets(found.scan_id),
            "messages": fleet.messages(found.scan_id),
        }
        live = found.state is not ScanState.FINISHED
        return Shown(
            template="scan.html", values=values, feeds=(f"scan:{found.scan_id}",) if live else ()
        )

    def node(asked: Asked) -> Shown:
        found = fleet.node(asked.path["scan"], asked.path["node"])
        return Shown(template="node.html", values={"found": found, "above": _above(found["node"])})

    seen: dict[str, tuple[float, str]] = {}

    def cursor(scan_id: str) -> str:
        at, found = seen.get(scan_id, (0.0, ""))
        if time.monotonic() - at >= EVERY:
            found = f"{hash(fleet.version('ledger', 'bus') + scan_id) & 0xFFFFFFFFFFFF:x}"
            seen[scan_id] = (time.monotonic(), found)
        return found

    def render_scan(scan_id: str, _since: str, _until: str) -> str:
        values = _fleet_values(fleet.progress(scan_id))
        return templates.get_template("scan_change.html").render(**values)

    def render_scans(_argument: str, _since: str, _until: str) -> str:
        found, older = fleet.scans()
        return templates.get_template("scans_change.html").render(scans=found, older=older)

    return Page(
        title="Orchestration",
        path="/orchestration",
        key="o",
        order=2,
        views={
            "/orchestration": scans,
            "/orchestration/{scan}": scan,
            "/orchestration/{scan}/{node}": node,
        },
        feeds=(
            Feed(name="scan", cursor=cursor, render=render_scan),
            Feed(name="scans", cursor=cursor, render=render_scans),
        ),
    )


def _budgets(fleet: FleetReader, scans: list[ListedScan]) -> list[BudgetRow]:
    """Return the budgets of the newest scan that can be read."""
    newest = next((one.scan_id for one in scans if one.problem is None), None)
    return fleet.budgets(newest) if newest else []


def _fleet_values(found: ScanNow) -> dict[str, Any]:
    """Return a scan with the drawing of each strip."""
    parts = []
    for part in found.coordinators:
        states = tuple(state for strip in part.strips for state in strip.workers)
        drawn = [
            {"strip": strip, "paths": drawing(strip.workers), "label": label(strip.counts)}
            for strip in part.strips
        ]
        parts.append({"part": part, "label": label(counts_of(states)), "strips": drawn})
    return {
        "scan": found,
        "coordinators": parts,
        "width": STEP * max(map(_width, parts), default=1),
    }


def _width(part: dict[str, Any]) -> int:
    return max((len(one["strip"].workers) for one in part["strips"]), default=1)


def drawing(workers: tuple[WorkerState, ...]) -> list[tuple[str, str]]:
    """Return (state, path) of each state that is drawn: a line a worker, from left to right."""
    found: dict[WorkerState, list[str]] = {state: [] for state in MARKS}
    for number, state in enumerate(workers):
        if state in MARKS:
            found[state].append(MARKS[state].format(number * STEP + STEP // 2))
    return [(str(state), "".join(paths)) for state, paths in found.items() if paths]


def label(counts: dict[WorkerState, int]) -> str:
    """Return counts in words: `28 long, 20 short, 2 silent`."""
    return ", ".join(f"{count:,} {state}" for state, count in counts.items()) or "no workers"


def _above(node: str) -> list[str]:
    """Return the nodes above one, from the desk down."""
    parts = [] if node == "desk" else node.split(".")
    return ["desk", *(".".join(parts[:n]) for n in range(1, len(parts)))] if parts else []


def _postures(sources: Sources) -> list[Any]:
    journal = sources.journal()
    if journal is None:
        return []
    return journal.page(kinds=[FactKind.POSTURE], limit=MOST_POSTURES, newest_first=True)
