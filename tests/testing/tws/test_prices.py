"""Where the simulated TWS has its prices from, and when it trades."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from qe_plugins.errors import PluginError
from qe_plugins.testing.tws import RandomWalk, RecordedBars, ScriptedPrices
from qe_plugins.testing.tws.exchange.hours import CHICAGO, GatewayHours
from qe_plugins.testing.tws.exchange.prices import to_price


def chicago(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO).timestamp()


def test_a_random_walk_is_the_same_for_the_same_seed():
    def walk(seed: int) -> list[int]:
        feed, ticks, path = RandomWalk(seed), 26000, []
        for step in range(100):
            ticks = feed.step(step / 4, ticks)
            path.append(ticks)
        return path

    assert walk(7) == walk(7) != walk(8)


def test_a_script_gives_each_price_until_the_next():
    feed = ScriptedPrices([(10, 6500), (20, 6501.25)])

    assert [to_price(feed.step(at, 26000)) for at in (5, 10, 19, 20, 99)] == [
        6500,
        6500,
        6500,
        6501.25,
        6501.25,
    ]


def test_a_recorded_bar_is_played_open_low_high_close_or_the_other_way(tmp_path: Path):
    file = tmp_path / "bars.csv"
    file.write_text(
        "time,open,high,low,close\n"
        "2026-12-01T15:00:00+00:00,6500,6504,6499,6503\n"
        "2026-12-01T15:01:00+00:00,6503,6504,6498,6499\n"
    )
    feed = RecordedBars(file, start=0)

    played = [to_price(feed.step(at, 0)) for at in range(0, 120, 15)]

    assert played == [6500, 6499, 6504, 6503, 6503, 6504, 6498, 6499]


def test_a_file_that_has_no_bars_is_refused(tmp_path: Path):
    file = tmp_path / "bars.csv"
    file.write_text("time,price\n2026-12-01,6500\n")

    with pytest.raises(PluginError, match="needs columns time, open, high, low, close"):
        RecordedBars(file)


@pytest.mark.parametrize(
    ("moment", "is_open", "is_regular"),
    [
        ("2026-12-01 09:00", True, True),
        ("2026-12-01 15:59", True, True),
        ("2026-12-01 16:00", False, False),
        ("2026-12-01 16:59", False, False),
        ("2026-12-01 17:00", True, False),
        ("2026-12-02 03:00", True, False),
        ("2026-12-04 16:00", False, False),
        ("2026-12-04 17:30", False, False),
        ("2026-12-05 12:00", False, False),
        ("2026-12-06 16:59", False, False),
        ("2026-12-06 17:00", True, False),
    ],
)
def test_hours_are_those_of_cme(moment, is_open, is_regular):
    hours, at = GatewayHours(), chicago(moment)

    assert (hours.is_open(at), hours.is_regular(at)) == (is_open, is_regular)


def test_after_friday_the_market_opens_on_sunday():
    opened = GatewayHours().next_open(chicago("2026-12-04 16:30"))

    assert f"{opened:%a %H:%M}" == "Sun 17:00"
