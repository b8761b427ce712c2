"""`qe data calendar`, as a trader types it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli


def calendar(*words):
    result = CliRunner().invoke(cli, ["data", "calendar", *words])
    assert result.exit_code == 0
    return result.output


def test_the_day_after_thanksgiving_closes_early_in_both_times():
    said = calendar("ES", "2024-11-29")
    assert "early close" in said
    assert "Fri 2024-11-29 12:15  Fri 2024-11-29 18:15" in said
    assert "Sun 2024-12-01 17:00  Sun 2024-12-01 23:00" in said


def test_the_afternoon_halt_is_shown_while_there_was_one():
    assert "halts" in calendar("ES", "2021-06-25")
    assert "halts" not in calendar("ES", "2021-06-28")


def test_a_holiday_says_when_it_opens_next():
    said = calendar("ES", "2024-12-25")
    assert "does not trade" in said
    assert "Wed 2024-12-25 17:00" in said


def test_json_has_both_times():
    document = json.loads(calendar("ES", "2024-11-29", "--json"))
    assert document["close"] == {
        "chicago": "2024-11-29T12:15:00-06:00",
        "utc": "2024-11-29T18:15:00Z",
    }
    assert document["early_close"] is True


@pytest.mark.parametrize("day", ["2024-12-25", "2024-12-28"])
def test_json_of_a_closed_day_says_so(day):
    assert json.loads(calendar("ES", day, "--json"))["trades"] is False


def test_a_range_lists_its_sessions():
    listed = json.loads(calendar("ES", "2024-11-25", "--end", "2024-12-01", "--json"))
    assert [one["date"] for one in listed] == [f"2024-11-{day}" for day in (25, 26, 27, 28, 29)]
    assert "2024-11-29" in calendar("ES", "2024-11-25", "--end", "2024-12-01")


def test_a_word_for_a_date_is_refused_in_one_line():
    result = CliRunner().invoke(cli, ["data", "calendar", "ES", "yesterday"])
    assert result.exit_code == 2
    assert "'yesterday' is not a date" in result.output


def test_days_that_no_source_was_found_for_are_listed():
    rows = json.loads(calendar("--doubtful", "--json"))
    assert {"ES", "MES", "NQ"} <= {root for one in rows for root in one["roots"]}
    assert "2012-10-31" in calendar("--doubtful")
    assert "2012-10-31" not in calendar("ZN", "--doubtful")


def test_every_other_special_day_has_its_source():
    from qe_plugins.market.specs import markets

    days = [one for family in markets().sessions.values() for one in family.days.values()]
    assert len(days) > 40
    assert all(one.doubtful != (one.source not in ("", "from memory")) for one in days)


def test_without_a_root_it_says_what_is_needed():
    result = CliRunner().invoke(cli, ["data", "calendar"])
    assert result.exit_code == 2
    assert "ROOT and DAY are needed" in result.output
