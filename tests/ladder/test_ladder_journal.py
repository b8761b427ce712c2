"""A session's own reader of the journal: what it keeps is what the journal has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qe_plugins import wall_clock
from qe_plugins.halt.facts import record_run
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.ladder_journal import LadderJournal
from qe_plugins.ladder.on_ladder import read
from tests.ladder.climber import NAME, Climber


@pytest.fixture
def keeping() -> Iterator[LadderJournal]:
    with LadderJournal.open() as journal:
        yield journal


def seen(journal: Journal, climber: Climber) -> tuple[Any, ...]:
    """Return what a ladder reads from a journal."""
    found = read(journal, climber.ladder, NAME)
    return found.standing, found.records, found.criteria


def continue_run(climber: Climber) -> Iterator[Callable[[], object]]:
    """Yield what makes an open run of the facts of a closed session, one after the other."""
    journal, run_id = climber.journal, "a-session-that-runs"
    facts = journal.facts(climber.session([1.0, -1.0]))
    yield lambda: journal.open_run(run_id, NAME, wall_clock.now())
    for fact in facts:
        yield lambda fact=fact: journal.append(run_id, [fact])
    yield lambda: journal.close_run(run_id)


def test_it_reads_what_the_journal_has_after_every_change(
    climber: Climber, keeping: LadderJournal
) -> None:
    changes: list[Callable[[], object]] = [
        climber.up,
        lambda: climber.session([1.0, -1.0], parity="clean"),
        lambda: climber.session([0.5], vote="clean"),
        lambda: climber.session([0.5], vote="contaminated"),
        lambda: climber.session([], halt="expired_posture"),
        lambda: record_run(FactKind.RESUME, "person", {"reason": "renewed"}),
        lambda: climber.session([1.0], parity="red"),
        climber.settle,
        *continue_run(climber),
    ]
    for change in changes:
        change()
        assert seen(keeping, climber) == seen(climber.journal, climber)


def test_a_closed_run_is_read_once(
    climber: Climber, keeping: LadderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    climber.up()
    climber.session([1.0], parity="clean")
    seen(keeping, climber)
    asked: list[str] = []
    facts = Journal.facts

    def counted(journal: Journal, run_id: str, kinds: Any = None) -> Any:
        asked.append(run_id)
        return facts(journal, run_id, kinds)

    monkeypatch.setattr(Journal, "facts", counted)
    seen(keeping, climber)
    assert asked == []
    new = climber.session([1.0])
    asked.clear()
    seen(keeping, climber)
    assert set(asked) == {new}
