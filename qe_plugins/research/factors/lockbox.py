"""The lockbox: a span that no test reads, opened once for a book, with a fact that stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from qe_plugins.errors import DataError, JournalError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research.factors.book import FactorBook
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.session_scores import score_half

RUN = "lockbox-"
WARM_UP = timedelta(days=400)
"""Days before a lockbox that features look back over."""


class LockboxResult(msgspec.Struct, frozen=True):
    """What a book predicted in its lockbox: t over sessions and IC of its forecast.

    `spent` names the books that had opened a lockbox of these roots and days before: what they
    showed may have led to this one, so its result is no longer untouched.
    """

    book: str
    span: list[str]
    sessions: int
    t: float
    ic: float
    spent: list[str]


def open_lockbox(
    book: FactorBook, data: FactorData, values: dict[str, np.ndarray], started: datetime
) -> LockboxResult:
    """Return a book's result in its lockbox, and write it to the journal for good.

    `values` has the book's features at all decisions. Raises DataError for a book without a
    lockbox, for one that was opened before, and for data without its days.
    """
    if not book.lockbox:
        raise DataError(
            "has no lockbox.", where=f"book {book.hash}", hint="Set 'split.lockbox' and test again."
        )
    first, last = (np.datetime64(date.fromisoformat(day), "D") for day in book.lockbox)
    inside = (data.session >= first) & (data.session < last)
    order = np.flatnonzero(inside)[np.argsort(data.session[inside], kind="stable")]
    sessions = len(np.unique(data.session[inside]))
    if sessions < 2:
        raise DataError(
            f"the data has no sessions from {book.lockbox[0]} to {book.lockbox[1]}.",
            hint="Its span is that of 'split.lockbox' when the book was tested.",
        )
    opened = check_closed(book)
    forecasts = book.forecasts({name: found[order] for name, found in values.items()})
    known = np.isfinite(forecasts)
    centred = (forecasts[known] - forecasts[known].mean()).astype(np.float32)
    scored = score_half(centred[:, None], data.label[order][known], data.session[order][known])
    mean, spread = float(scored.scores.mean()), float(scored.scores.std(ddof=1))
    result = LockboxResult(
        book=book.hash,
        span=list(book.lockbox),
        sessions=len(scored.scores),
        t=mean / spread * len(scored.scores) ** 0.5 if spread > 0 else 0.0,
        ic=float(scored.ic[0]),
        spent=opened,
    )
    _write(result, book, started)
    return result


def span_overrides(book: FactorBook) -> list[str]:
    """Return the overrides of a test that give it the lockbox's days, with those to warm up on."""
    if not book.lockbox:
        return []
    first, last = (date.fromisoformat(day) for day in book.lockbox)
    span = [f"data.start={first - WARM_UP}", f"data.end={last}"]
    return [*span, "split.lockbox=null", f"name={book.name}-lockbox"]


def check_closed(book: FactorBook) -> list[str]:
    """Return the books that opened days of this book's lockbox before.

    Raises DataError where it is this book that opened them.
    """
    found: list[str] = []
    if not Journal.exists():
        return found
    with Journal.open() as journal:
        for run in journal.runs():
            if not run.run_id.startswith(RUN):
                continue
            body = next(iter(journal.facts(run.run_id, [FactKind.LOCKBOX]))).body
            if body["book"] == book.hash:
                raise DataError(
                    f"was opened on {run.started:%Y-%m-%d}: t was {body['t']:+.2f} over "
                    f"{body['sessions']} sessions.",
                    where=f"the lockbox of book {book.hash}",
                    hint="A lockbox is opened once.",
                )
            begins, ends = body["span"]
            overlaps = begins < book.lockbox[1] and book.lockbox[0] < ends
            if overlaps and set(body["roots"]) & set(book.roots):
                found.append(str(body["book"]))
    return found


def _write(result: LockboxResult, book: FactorBook, started: datetime) -> None:
    ends = datetime.combine(date.fromisoformat(result.span[1]), datetime.min.time(), UTC)
    body = msgspec.to_builtins(result) | {"roots": book.roots, "test": book.test}
    fact = Fact(
        id="lockbox:1",
        kind=FactKind.LOCKBOX,
        ts_event=int(ends.timestamp()) * 1_000_000_000,
        source="quant-engine",
        body=body,
    )
    with Journal.open() as journal:
        try:
            journal.write_run(f"{RUN}{book.hash}", book.name, started, [fact])
        except JournalError as error:  # another process opened it meanwhile
            raise DataError(
                f"was opened by another process: {error}", where=f"the lockbox of {book.hash}"
            ) from error
