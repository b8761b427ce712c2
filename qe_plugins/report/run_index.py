"""Index of stored runs: find one by id or prefix, list all, newest first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.data import object_store
from qe_plugins.errors import ReportError
from qe_plugins.journal.facts import OpenRun, Problem
from qe_plugins.journal.lookup import resolve_run

RESULT = "result.json"
PAGE = "report.html"


class Pointer(msgspec.Struct, frozen=True):
    """The path of a run outside the state folder, stored as `runs/<run_id>.json`."""

    path: str


def remember(run_id: str, place: Path) -> None:
    """Write a pointer to a run that is not under the state folder."""
    runs = state_dir.runs_dir()
    if place == runs / run_id:
        return
    runs.mkdir(parents=True, exist_ok=True)
    part = runs / f".{run_id}.part"
    part.write_bytes(msgspec.json.encode(Pointer(str(place))))
    os.replace(part, runs / f"{run_id}.json")


def forget(run_id: str) -> None:
    """Remove the pointer to a run, if there is one."""
    (state_dir.runs_dir() / f"{run_id}.json").unlink(missing_ok=True)


def find(text: str) -> Path:
    """Return the folder of the run that `text` names. Raises ReportError.

    `text` is "last", "previous", "last~2" (the second before the last), a run's id, a unique prefix
    of one, a folder, a run's name (the newest of that name), or an `s3://` URL, whose folder is
    copied here.
    """
    if url := object_store.url_of(text):
        return _present(url, object_store.fetched(url))
    if (Path(text) / RESULT).is_file():
        return Path(text).absolute()
    places = _places()
    run_id = resolve_run(
        text,
        list(places),
        _names,
        hint="`qe runs` lists them.",
        start="Start one with `qe backtest FILE`.",
        error=ReportError,
    )
    return _present(run_id, places[run_id])


def remove(text: str, files: Collection[str]) -> Path:
    """Remove the folder of the run that `text` names, as in `find`, and return its path.

    `files` are the names of a run's files. Raises ReportError, and removes nothing, if the folder
    contains any other file. The journal keeps its facts.
    """
    place = find(text)
    run_id = str(_complete(place)["run_id"])
    foreign = sorted(one.name for one in place.iterdir() if one.name not in files)
    if foreign or place.is_symlink():
        raise ReportError(
            f"contains {', '.join(foreign[:3]) or 'a link'}, which is not part of a run.",
            where=str(place),
            hint="Move it elsewhere, or delete the folder yourself.",
        )
    away = place.with_name(f".{place.name}.removed")
    os.replace(place, away)
    forget(run_id)
    shutil.rmtree(away)
    return place


def figures(place: Path) -> dict[str, Any]:
    """Return the figures of the run in the folder `place`."""
    file = place / RESULT
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "Run it again, or delete its folder."
        raise ReportError(f"cannot be read: {error}.", where=str(file), hint=hint) from error


@contextmanager
def as_written(place: Path) -> Iterator[None]:
    """Raise ReportError where a file read from a run folder does not have the expected content."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(
            f"has unexpected content: {type(error).__name__}: {error}.",
            where=str(place),
            hint="Run it again, or delete its folder.",
        ) from error


def contradictions(written: Mapping[str, str]) -> list[Problem]:
    """Return the runs whose folder contradicts the journal: another hash of its facts, or no row.

    `written` has the journal's hash of each run. Removed folders, and folders of older runs
    without a hash, are not reported.
    """
    found: list[Problem] = []
    for run in listing():
        run_id, ours = run["run_id"], run.get("journal_sha256")
        if ours is not None and run_id not in written:
            what = f"its folder {run['run_dir']} exists, but the journal has no row of it"
            found.append(Problem(run_id=run_id, fact_id=None, what=what))
        elif ours is not None and ours != written[run_id]:
            what = f"its folder {run['run_dir']} has another journal_sha256 than the journal"
            found.append(Problem(run_id=run_id, fact_id=None, what=what))
    return found


def listing() -> list[dict[str, Any]]:
    """Return the figures of every stored run, newest first.

    A run whose figures cannot be read has `run_id`, `run_dir` and `damaged`, the reason; such runs
    come last.
    """
    found = [_list_entry(*known) for known in _places().items() if (known[1] / RESULT).is_file()]
    return sorted(found, key=_newest_first, reverse=True)


def with_open(runs: Iterable[OpenRun]) -> list[dict[str, Any]]:
    """Return the listing with open runs, which have `state`, `facts` and `appended` instead of
    figures; one that has a folder already is listed by it.
    """
    stored = listing()
    known = {run["run_id"] for run in stored}
    entries = [_open_entry(run) for run in runs if run.run_id not in known]
    return sorted((*entries, *stored), key=_newest_first, reverse=True)


def _open_entry(run: OpenRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "name": run.name,
        "started": run.started.isoformat(),
        "state": str(run.state),
        "facts": run.facts,
        "appended": run.appended.isoformat(),
    }


def _newest_first(run: dict[str, Any]) -> tuple[str, str]:
    return run.get("started", ""), run["run_id"]


def _list_entry(run_id: str, place: Path) -> dict[str, Any]:
    try:
        return {**_complete(place), "run_dir": str(place)}
    except ReportError as error:
        return {"run_id": run_id, "run_dir": str(place), "damaged": str(error)}


def _complete(place: Path) -> dict[str, Any]:
    known = figures(place)
    if not all(isinstance(known.get(name), str) for name in ("run_id", "started")):
        raise ReportError(
            "is not the result of a run.", where=str(place / RESULT), hint="Delete its folder."
        )
    return known


def _names() -> dict[str, str]:
    """Return the names of the runs whose figures can be read by id, newest first."""
    ids = {str(place): run_id for run_id, place in _places().items()}
    whole = [run for run in listing() if "damaged" not in run]
    return {ids[run["run_dir"]]: str(run.get("name", "")) for run in whole}


def _present(run_id: str, place: Path) -> Path:
    if not (place / RESULT).is_file():
        hint = "It was moved or deleted; name its folder instead."
        raise ReportError(f"run {run_id} is no longer at {place}.", hint=hint)
    return place


def _places() -> dict[str, Path]:
    """Return every run's folder by run id; that of a pointer may no longer exist."""
    places: dict[str, Path] = {}
    runs = state_dir.runs_dir()
    for entry in sorted(runs.iterdir()) if runs.is_dir() else ():
        if (entry / RESULT).is_file():
            places[entry.name] = entry
        elif entry.suffix == ".json" and not entry.name.startswith("."):
            places[entry.stem] = _pointer_target(entry)
    return places


def _pointer_target(file: Path) -> Path:
    """Return the target of a pointer; of a damaged one the file itself, which is no run."""
    try:
        return Path(msgspec.json.decode(file.read_bytes(), type=Pointer).path)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return file
