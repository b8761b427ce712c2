"""The day's page beside a desk: its first line says what was found, or that it was nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.report.day.morning import day_report
from qe_plugins.report.day.page import render
from qe_plugins.report.day.records import DayReport

NOW = datetime(2024, 1, 4, 13, tzinfo=UTC)
AT = int(datetime(2024, 1, 4, 9, tzinfo=UTC).timestamp()) * 10**9


def fact(kind: FactKind, name: str, cause: str | None = None, **body: Any) -> Fact:
    return Fact(id=name, kind=kind, ts_event=AT, source="test", cause=cause, body=body)


def hunt(number: int, state: str = "done") -> list[Fact]:
    step = f"hunt:{number}"
    return [
        fact(FactKind.STEP, step, step=step, state="intended"),
        fact(FactKind.STEP, f"{step}.{state}", step, step=step, state=state, usd="0.05", text=""),
    ]


def reported(desk: list[Fact], session: list[Fact]) -> DayReport:
    with Journal.open() as journal:
        for name, facts in (("desk", desk), ("paper", session)):
            if facts:
                run = [fact(FactKind.RUN, "run", mode=name), *facts]
                journal.write_run(f"{name}-1", name, NOW, run)
        return day_report(date(2024, 1, 4), NOW, journal)


@pytest.fixture
def trade() -> list[Fact]:
    return [
        fact(FactKind.SIGNAL, "signal:1", "run", instrument_id="MESH24.XCME", side="LONG"),
        fact(
            FactKind.TRADE,
            "trade:1",
            "signal:1",
            instrument_id="MESH24.XCME",
            opened=AT,
            closed=AT,
            entry="4700",
            exit="4702",
            pnl="9.00",
            currency="USD",
        ),
    ]


def test_a_day_without_findings_says_so_in_its_first_line():
    found = reported([*hunt(1), *hunt(2), *hunt(3, "failed")], [])

    assert found.sentence.startswith("Nothing was found: 2 hunts, no signal.")
    assert (found.hunts, found.failed) == (2, 1)
    assert f"<h1>{found.sentence}</h1>" in render(found).decode()


def test_what_models_cost_is_taken_off_the_profit_and_shared_by_the_hunts(trade):
    found = reported([*hunt(1), *hunt(2)], trade)

    assert found.sentence.startswith("2 hunts, one signal. One trade, +9.00 USD, and 0.10 USD")
    assert found.net_of_models == Decimal("8.90")
    assert found.usd_a_decision == Decimal("0.05")
    assert "P&amp;L after fees and models: +8.90 USD." in render(found).decode()


def test_a_day_without_a_desk_reads_as_before(trade):
    found = reported([], trade)

    assert found.sentence.startswith("One trade, +9.00 USD; nothing is open")
    assert (found.hunts, found.usd_a_decision) == (None, None)
    assert "after fees and models" not in render(found).decode()
