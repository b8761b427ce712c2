"""Results of factor tests: a folder each, and a trial a factor in the journal."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import ReportError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.journal.trials import SOURCE, trial_facts
from qe_plugins.research import result_folders
from qe_plugins.research.factors.book import FactorBook
from qe_plugins.research.factors.factor_test import Factor, FactorResult

RESULT, PAGE = "factors.json", "factors.html"
BOOK_RUN = "book-"


def folder(test: str) -> Path:
    """Return the folder of a test, by id."""
    return state_dir.state_dir() / "factors" / test


def find(text: str) -> Path:
    """Return the folder of a test: `last`, its id or a unique prefix. Raises ReportError."""
    start = "Start one: `qe factors test FILE`."
    return result_folders.find("factors", RESULT, text, "test", start)


def write(test: str, result: FactorResult, page: str) -> Path:
    """Write a test's result and page, each whole or not at all, and return its folder."""
    place = folder(test)
    place.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.format(msgspec.json.encode(result))
    for name, data in ((PAGE, page.encode()), (RESULT, content)):
        part = place / f".{name}.part"
        part.write_bytes(data)
        os.replace(part, place / name)
    return place


def read(place: Path) -> FactorResult:
    """Return the result in a folder. Raises ReportError for one that cannot be read."""
    file = place / RESULT
    try:
        return msgspec.json.decode(file.read_bytes(), type=FactorResult)
    except (OSError, msgspec.DecodeError) as error:
        hint = "Run the test again."
        raise ReportError(f"cannot be read: {error}.", where=str(file), hint=hint) from error


def register(test: str, started: datetime, result: FactorResult) -> str:
    """Write every tested factor to the journal as a trial; return the content hash of its run."""
    ts = int(started.timestamp()) * 1_000_000_000
    about = {"name": result.name, "config": result.config}
    trials = {number: _body(one) for number, one in enumerate(result.factors, 1)}
    with Journal.open() as journal:
        return journal.write_run(test, result.name, started, trial_facts(ts, about, trials))


def _body(factor: Factor) -> dict[str, Any]:
    return {
        "key": factor.name,
        "state": factor.state,
        "figures": {"t": list(factor.t), "ic": list(factor.ic), "adjusted": factor.adjusted},
    }


def trials() -> list[tuple[str, int]]:
    """Return how many trials each run of the journal has, those of sweeps included."""
    if not Journal.exists():
        return []
    with Journal.open() as journal:
        counts = [
            (run.run_id, sum(1 for _ in journal.facts(run.run_id, [FactKind.TRIAL])))
            for run in journal.runs()
        ]
    return [(run, count) for run, count in counts if count]


def register_book(book: FactorBook, started: datetime) -> None:
    """Write a book to the journal, with why a person accepted factors; once for each book."""
    run = f"{BOOK_RUN}{book.hash}"
    fact = Fact(
        id="book:1",
        kind=FactKind.BOOK,
        ts_event=book.last,
        source=SOURCE,
        body={
            "book": book.hash,
            "test": book.test,
            "factors": [one.name for one in book.factors],
            "accepted": {one.name: one.accepted for one in book.factors if one.accepted},
        },
    )
    with Journal.open() as journal:
        if all(one.run_id != run for one in journal.runs()):
            journal.write_run(run, book.name, started, [fact])
