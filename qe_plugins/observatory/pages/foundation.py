"""`/foundation`: what everything stands on: data, calendars, contracts, configurations, machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from qe_plugins import state_dir
from qe_plugins.config import yaml_reader
from qe_plugins.config.differences import differing
from qe_plugins.config.loader import load
from qe_plugins.data.databento.manifest import ManifestStore, manifest_stores
from qe_plugins.errors import QeError
from qe_plugins.guard.watcher_socket import listening
from qe_plugins.halt.status import read_sessions
from qe_plugins.market.roll_calendar import next_deadline
from qe_plugins.market.sessions import next_session
from qe_plugins.market.specs import fees, margins, markets
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.sources import Sources
from qe_plugins.report import run_index

PACKAGES = ("quant-engine", "nautilus-trader", "polars", "starlette", "uvicorn", "sqlalchemy")
FOLDERS = ("backtest", "live")
"""Folders of `configs/` with files that are runs."""


def page(sources: Sources) -> Page:
    """Return the page."""
    kept: dict[str, Any] = {"of": None, "rows": []}

    def configurations() -> list[dict[str, Any]]:
        """Return a row a file, read again only where a file or the runs changed."""
        files = _files()
        of = (
            [(str(file), file.stat().st_mtime_ns) for file in files],
            sorted(one.name for one in state_dir.runs_dir().glob("*")),
        )
        if of != kept["of"]:
            kept["rows"] = list(_configurations(files))
            kept["of"] = of
        rows: list[dict[str, Any]] = kept["rows"]
        return rows

    def show(asked: Asked) -> Shown:
        now = datetime.now(UTC)
        runs = [run for run in run_index.listing()[:1] if "damaged" not in run]
        values = {
            "data": [_data_row(entry) for entry in _stores()],
            "roots": _or_problem(lambda: list(_root_rows(now))),
            "configurations": configurations(),
            "plugins": runs[0]["plugins"] if runs else [],
            "run_id": runs[0]["run_id"] if runs else None,
            "versions": list(_versions()),
            "machine": _machine(),
            "sessions": [_session_rows(one.status.readings) for one in read_sessions()[0]],
            "watchers": [_watcher(one.account) for one in listening()],
            "journal": _journal(sources),
        }
        return Shown(template="foundation.html", values=values)

    return Page(
        title="Foundation",
        path="/foundation",
        key="f",
        order=3,
        views={"/foundation": show},
        warm=configurations,
    )


def _or_problem(read: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Return rows, and in one line why there are none."""
    try:
        return read(), None
    except QeError as error:
        return [], str(error)


def _stores() -> Iterator[dict[str, Any]]:
    for store in manifest_stores():
        known = store.manifest.files.values()
        degraded = sum(len(entry.conditions) for entry in known)
        yield {
            "name": store.manifest.dataset,
            "files": len(known),
            "from": min((entry.start for entry in known), default=None),
            "until": max((entry.end for entry in known), default=None),
            "rows": sum(entry.rows for entry in known),
            "bytes": sum(entry.size for entry in known),
            "degraded": degraded,
            "failed": len(store.manifest.aside) + _changed_files(store),
            "got": max((entry.got for entry in known), default=None),
            "spent": store.spent,
        }


def _changed_files(store: ManifestStore) -> int:
    """Return how many files are gone, or have another size than when they were written."""
    found = 0
    for name, entry in store.manifest.files.items():
        try:
            found += store.path(name).stat().st_size != entry.size
        except OSError:
            found += 1
    return found


def _data_row(entry: dict[str, Any]) -> dict[str, Any]:
    got = entry["got"]
    return {
        "cells": [
            entry["name"],
            f"{entry['files']:,}",
            str(entry["from"] or "—"),
            str(entry["until"] or "—"),
            f"{entry['rows']:,}",
            f"{entry['bytes'] / 2**20:,.1f} MiB",
            f"{entry['degraded']:,}",
            f"{entry['failed']:,}",
            f"{got:%Y-%m-%d %H:%M} UTC" if got else "—",
            f"{entry['spent']:,.2f} USD",
        ]
    }


def _root_rows(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield a row a root: open or not until when, its roll, fees, margins."""
    today = now.date()
    for root, terms in markets().roots.items():
        session = next_session(root, now)
        trades = session.trades_at(now)
        until = session.next_stop(now) if trades else session.open
        roll = next_deadline(root, today)
        after = roll.after.partition(".")[0]
        fee, margin = fees(root, today), margins(root, today)
        yield {
            "cells": [
                root,
                terms.name,
                f"{'open until' if trades else 'closed until'} {until:%a %H:%M} UTC",
                f"{roll.date} to {after}, {roll.reason}",
                f"{terms.tick.normalize():f}",
                f"{terms.multiplier.normalize():f}",
                f"{fee.total:.2f} since {fee.since}",
                f"{margin.initial:,.0f} / {margin.maintenance:,.0f} since {margin.since}",
            ]
        }


def _files() -> list[Path]:
    return sorted(one for name in FOLDERS for one in Path("configs", name).glob("*.yaml"))


def _configurations(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Yield a row a file of `configs/`: valid or why not, and what differs from its last run."""
    last: dict[str, dict[str, Any]] = {}
    for run in run_index.listing():
        if "damaged" not in run:
            last.setdefault(str(run["name"]), run)
    for file in files:
        try:
            loaded = load(file)
        except QeError as error:
            yield {"cells": [str(file), "does not load", str(error), ""]}
            continue
        latest = last.get(loaded.config.name)
        if latest is None:
            yield {"cells": [str(file), loaded.config.name, "never run", ""]}
            continue
        changed = _changed(Path(latest["run_dir"]), loaded.resolved)
        yield {"cells": [str(file), loaded.config.name, changed, latest["run_id"]]}


def _changed(place: Path, resolved: dict[str, Any]) -> str:
    """Return which settings differ from those of a run."""
    try:
        ran = yaml_reader.read(place / "config.yaml").to_plain()
    except QeError as error:
        return str(error)
    found = differing(ran, resolved)
    named = [key for key in found if not key.startswith("name")]
    if not named:
        return "as in its last run"
    more = f" and {len(named) - 6} more" if len(named) > 6 else ""
    return f"{len(named)} settings differ: {', '.join(named[:6])}{more}"


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", sys.version.partition(" ")[0]
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _machine() -> list[tuple[str, str]]:
    folder = state_dir.state_dir()
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    usage = shutil.disk_usage(there)
    return [
        ("state folder", str(folder)),
        ("disk", f"{usage.free / 2**30:.1f} GiB free of {usage.total / 2**30:.1f}"),
        ("clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"),
    ]


def _session_rows(readings: Any) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), f"{reading.text}{' FIRED' if reading.fired else ''}")
        for name, reading in sorted(readings.items())
    ]


def _watcher(account: str) -> tuple[str, str]:
    return f"watcher of {account}", "listens"


def _journal(sources: Sources) -> dict[str, Any] | None:
    journal = sources.journal()
    if journal is None:
        return None
    runs, facts = journal.counts()
    _, head = journal.head()
    return {"runs": runs, "facts": facts, "head": head[:16], "open": len(journal.open_runs())}
