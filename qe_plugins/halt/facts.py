"""Halts and their ends as facts of the journal: in a session's run, or in a small run of its own.

The latch holds without them. A journal that is locked or down costs a warning, never the halt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from qe_plugins.errors import QeError
from qe_plugins.halt.latch import Halt, HaltReason
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.safe_text import in_words, writable

PATIENCE = 5.0
"""Seconds that a command waits for the journal."""

SOURCE = "quant-engine"


def halt_body(halt: HaltReason) -> dict[str, object]:
    """Return the body of the fact of a halt: its reason, who set it, and since when."""
    body: dict[str, object] = {"reason": halt.reason, "by": halt.who}
    if isinstance(halt, Halt) and halt.later:
        body["later"] = [f"{one.who}: {one.reason}" for one in halt.later]
    return body


def resume_body(reason: str, by: str, ended: Halt | None) -> dict[str, object]:
    """Return the body of the fact of a resume: why, who, and the halt that it ended."""
    body: dict[str, object] = {"reason": writable(reason), "by": by}
    return body if ended is None else body | {"ended": ended.line}


def record_run(kind: FactKind, source: str, body: dict[str, object]) -> str | None:
    """Write one fact as a run of its own; return None, or in one line why it is not written.

    Returns after PATIENCE at the latest: the fact may then still be written, or be lost.
    """

    def write() -> None:
        from qe_plugins.journal.store import Journal

        with Journal.open() as journal:
            started = datetime.now(UTC)
            run_id = f"{started:%Y%m%d-%H%M%S-%f}-{kind}"
            journal.write_run(run_id, str(kind), started, _facts(started, kind, source, body))

    return error_within(PATIENCE, write, who="the journal")


def error_within(seconds: float, use: Callable[[], object], *, who: str) -> str | None:
    """Use the journal on a thread of its own; return None, or in one line why it failed.

    Returns after so many seconds at the latest; the message then says that `who` did not answer.
    """
    said: list[str | None] = []

    def run() -> None:
        try:
            use()
            said.append(None)
        except (QeError, OSError) as error:
            said.append(in_words(error))

    thread = threading.Thread(target=run, name="qe-journal-use", daemon=True)
    thread.start()
    thread.join(seconds)
    return said[0] if said else f"{who} did not answer within {seconds:g} s."


def _facts(at: datetime, kind: FactKind, source: str, body: dict[str, object]) -> list[Fact]:
    ts = int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000
    run = Fact(id="run:1", kind=FactKind.RUN, ts_event=ts, source=SOURCE, body={"name": str(kind)})
    fact = Fact(id=f"{kind}:1", kind=kind, ts_event=ts, source=source, cause="run:1", body=body)
    return [run, fact]
