"""`roll: open_interest` from the vendor's `statistics` to two legs in the journal."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from qe_plugins import state_dir
from tests.command import ROOT, figures, qe
from tests.market import tape

HOLD = ROOT / "configs/backtest/es_roll_2013.yaml"
BY_INTEREST = ("--set", "strategies.hold.roll=open_interest")
NAMES = {1000: "ESZ3", 1007: "ESH4"}
FIRST, LAST = dt.date(2013, 10, 4), dt.date(2013, 12, 19)
WEDNESDAY = dt.date(2013, 12, 11)
"""At its end March has more open interest; published on Thursday, so Friday's session rolls."""

REASON = "open interest on 2013-12-12: ESH14 1,600,000 > ESZ13 1,500,000"


def held(day: dt.date) -> tuple[int, int]:
    """Return the open interest of December and of March at a day's end; it falls back once."""
    if day == dt.date(2013, 12, 16):
        return 1_700_000, 1_500_000
    return (2_800_000, 400_000) if day < WEDNESDAY else (1_500_000, 1_600_000)


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    days = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days)]
    said = [
        tape.open_interest(id_, day, contracts)
        for day in days
        if day.weekday() < 5
        for id_, contracts in zip(NAMES, held(day), strict=True)
    ]
    return tape.write(tmp_path / "bought" / "ES.statistics.dbn.zst", "statistics", said, NAMES)


@pytest.fixture
def bars(shared_data: Path) -> Path:
    return shared_data / "es_2013"


def mine(folder: Path, bars: Path, *more: Path) -> Path:
    """Return a folder with copies of the parent's files and of other files."""
    place = folder / "mine"
    place.mkdir()
    for file in (*bars.glob("ES.FUT*"), *more):
        shutil.copy(file, place)
    return place


def rolled(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    names = ("reason", "outcome", "before", "after")
    return [tuple(one[name] for name in names) for one in found["rolls"]]


def test_a_position_is_rolled_once_and_never_back(bars: Path, statistics: Path) -> None:
    found = figures(HOLD, "--set", f"data.dbn=[{bars}, {statistics}]", *BY_INTEREST)
    assert rolled(found) == [(REASON, "rolled", "ESZ13.XCME", "ESH14.XCME")]
    [roll] = found["rolls"]
    assert roll["at"] == "2013-12-18T14:31:00+00:00"  # the next minute that both have bars of
    assert (len(roll["legs"]), roll["fees"]) == (2, 4.3)


def test_the_command_and_the_backtest_have_one_calendar(bars: Path, statistics: Path) -> None:
    words = ("--rule", "open_interest", "--dbn", bars, "--dbn", statistics, "--json")
    [roll] = json.loads(qe("data", "rolls", "ES", *words).stdout)["rolls"]
    assert (roll["reason"], roll["known"], roll["date"]) == (REASON, "2013-12-12", "2013-12-13")


@pytest.mark.long
def test_imported_statistics_roll_a_catalog(bars: Path, statistics: Path, tmp_path: Path) -> None:
    qe("data", "import", mine(tmp_path, bars))
    catalog = state_dir.data_dir() / "GLBX.MDP3" / "catalog"
    words = ("--set", "data.dbn=null", "--set", f"data.catalog={catalog}", *BY_INTEREST)
    refused = qe("backtest", HOLD, *words)
    assert refused.returncode == 2
    assert "strategies.hold.roll" in refused.stderr
    assert "ES cannot be rolled by open interest: the data has no open interest" in refused.stderr

    qe("data", "import", statistics)

    assert rolled(figures(HOLD, *words)) == [(REASON, "rolled", "ESZ13.XCME", "ESH14.XCME")]


@pytest.mark.long
def test_statistics_that_change_change_the_rolls(
    bars: Path, statistics: Path, tmp_path: Path
) -> None:
    qe("data", "import", mine(tmp_path, bars, statistics))
    catalog = state_dir.data_dir() / "GLBX.MDP3" / "catalog"
    words = ("--set", "data.dbn=null", "--set", f"data.catalog={catalog}", *BY_INTEREST)
    assert len(rolled(figures(HOLD, *words))) == 1
    [there] = state_dir.data_dir().rglob("ES.statistics.dbn.zst")
    early = [tape.open_interest(1000, FIRST, 5), tape.open_interest(1007, FIRST, 6)]
    later = (state_dir.data_dir() / "rolls" / "ES-open_interest.json").stat().st_mtime + 10
    tape.write(there, "statistics", early, NAMES)
    os.utime(there, (later, later))

    [(reason, *_)] = rolled(figures(HOLD, *words))

    assert reason == "open interest on 2013-10-07: ESH14 6 > ESZ13 5"


@pytest.mark.long
def test_a_catalog_without_its_files_says_which_data_is_needed(
    bars: Path, statistics: Path, tmp_path: Path
) -> None:
    figures(HOLD, "--set", f"data.dbn=[{bars}, {statistics}]")
    [catalog] = (path for path in (state_dir.cache_dir() / "dbn").glob("*") if path.is_dir())
    catalog.rename(tmp_path / "alone")
    words = ("--set", "data.dbn=null", "--set", f"data.catalog={tmp_path / 'alone'}", *BY_INTEREST)
    refused = qe("backtest", HOLD, *words)
    assert refused.returncode == 2
    assert "bars have no open interest" in refused.stderr
    assert "run on the Databento files that have `statistics`" in refused.stderr
