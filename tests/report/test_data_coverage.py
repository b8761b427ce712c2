"""A run says which sessions it has no data of, and which trades were held over them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from qe_plugins.data.checks.completeness import PresentData
from qe_plugins.report import tearsheet, terminal
from qe_plugins.report.figures.data_coverage import held_over_gaps, in_words
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.report.fake import bare, frame

GAPS = PresentData(
    root="MES",
    first=date(2024, 1, 3),
    last=date(2024, 1, 10),
    sessions=6,
    sessions_with_data=4,
    missing=[date(2024, 1, 5), date(2024, 1, 8)],
    minutes=8_280,
    minutes_with_data=5_000,
)


def at(text: str | None) -> int | None:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    return int(moment.timestamp()) * 10**9 if moment else None


def trade(opened: str, closed: str | None) -> tuple[object, ...]:
    name = ("P", "MESH24.XCME", "s", "LONG", 1.0, 4700.0, 4701.0)
    return (*name, at(opened), at(closed), 5.0, 0.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("opened", "closed", "held"),
    [
        ("2024-01-04T15:00", "2024-01-04T16:00", 0),
        ("2024-01-04T15:00", "2024-01-05T15:00", 0),
        ("2024-01-04T15:00", "2024-01-09T15:00", 1),
        ("2024-01-04T23:30", "2024-01-09T15:00", 1),
        ("2024-01-09T15:00", "2024-01-10T15:00", 0),
        ("2024-01-04T15:00", None, 1),
        ("2024-01-09T15:00", None, 0),
    ],
)
def test_a_trade_that_was_open_in_a_missing_session_counts(opened, closed, held):
    positions = frame("positions", [trade(opened, closed)])
    assert held_over_gaps(positions, {"MESH24.XCME": "MES"}, [GAPS]) == held


@pytest.fixture
def outcome(tmp_path: Path):
    run = bare(
        tmp_path, positions=frame("positions", [trade("2024-01-04T15:00", "2024-01-09T15:00")])
    )
    return replace(run, data=msgspec.structs.replace(run.data, present=[GAPS]))


def test_terminal_and_page_say_it_at_the_top(tmp_path: Path, outcome):
    figures = summarize(outcome, tmp_path)

    first, second = in_words(figures)
    assert first == (
        "MES: data for 4 of 6 sessions, 3,280 of 8,280 trading minutes without a bar; "
        "none for 2024-01-05, 2024-01-08"
    )
    assert second.endswith("1 trade was held over sessions without data.")
    assert str(terminal.table(figures).caption).startswith(first)
    page = tearsheet.render(outcome, AccountHistory.of(outcome), figures, {})
    assert page.index("4 of 6 sessions") < page.index('class="tiles"')


def test_a_run_of_before_it_was_counted_says_nothing():
    assert in_words({"trades": 3}) == []
