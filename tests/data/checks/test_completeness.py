"""Missing sessions and minutes are counted against the exchange's calendar."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.checks.completeness import PresentData
from tests.data.dbn_tape import opened
from tests.market import tape

ES = {"root": "ES", "exchange": "XCME", "tick": 0.25, "quantity": 50}
EXPIRY = dt.datetime(2024, 3, 15, 13, 30, tzinfo=dt.UTC)


def minutes(day: int, count: int, hour: int = 15, first: int = 0) -> list[dt.datetime]:
    start = dt.datetime(2024, 1, day, hour, first, tzinfo=dt.UTC)
    return [start + dt.timedelta(minutes=n) for n in range(count)]


def found(folder: Path, opens: list[dt.datetime], **settings: object) -> PresentData:
    """Return what there is of ES in a tape with bars that open at these moments."""
    define = tape.definition("ESH4", expiry=EXPIRY, **ES)
    tape.write(folder / "d.dbn.zst", "definition", [define], {1: "ESH4"})
    bars = [tape.bar(1, at, 4750, 10) for at in opens]
    tape.write(folder / "b.dbn.zst", "ohlcv-1m", bars, {1: "ESH4"})
    (one,) = opened(dbn=str(folder), **settings).present()
    return one


def test_sessions_without_a_bar_are_named(tmp_path: Path) -> None:
    one = found(tmp_path, [*minutes(2, 30), *minutes(4, 30), *minutes(10, 30)])

    assert (one.sessions, one.sessions_with_data) == (7, 3)
    assert one.missing_in_words == "2024-01-03, 2024-01-05, 2024-01-08..09"
    assert str(one).startswith("ES: data for 3 of 7 sessions, ")


def test_minutes_are_counted_from_the_first_bar_to_the_last(tmp_path: Path) -> None:
    one = found(tmp_path, [*minutes(3, 10), *minutes(3, 5, first=20)])

    assert (one.minutes, one.minutes_with_data, one.whole) == (25, 15, True)


def test_no_minute_is_expected_while_the_market_is_closed(tmp_path: Path) -> None:
    last, first = minutes(5, 10, hour=21, first=50), minutes(7, 10, hour=23)

    one = found(tmp_path, [*last, *first])

    assert (one.sessions, one.minutes, one.minutes_with_data) == (2, 20, 20)


def test_a_configured_window_counts_in_full(tmp_path: Path) -> None:
    day = dt.datetime(2024, 1, 2, 23, tzinfo=dt.UTC)  # as the session of the third opens

    one = found(tmp_path, minutes(4, 60), start=day, end=day + dt.timedelta(days=3))

    assert (one.sessions, one.sessions_with_data) == (3, 1)


def test_after_the_expiry_of_the_last_contract_nothing_is_missing(tmp_path: Path) -> None:
    end = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)

    one = found(tmp_path, minutes(3, 60), end=end)

    assert one.last == EXPIRY.date()


def test_daily_bars_are_counted_by_their_days(tmp_path: Path) -> None:
    define = tape.definition("ESH4", expiry=EXPIRY, **ES)
    tape.write(tmp_path / "d.dbn.zst", "definition", [define], {1: "ESH4"})
    days = [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in (2, 3, 5, 7, 8)]
    bars = [tape.bar(1, at, 4750, 10, rtype=35) for at in days]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1d", bars, {1: "ESH4"})

    (one,) = opened(dbn=str(tmp_path), bars="1-DAY-LAST").present()

    assert str(one) == "ES: data for 4 of 5 sessions"
    assert one.missing == [dt.date(2024, 1, 4)]


def test_a_generated_tape_of_years_is_whole(tmp_path: Path) -> None:
    (one,) = opened(synthetic=SyntheticSettings(years=1, start="2023-01-03")).present()

    assert one.whole
    assert one.sessions > 200


def test_the_real_tape_has_eighteen_of_fifty_five_sessions(shared_data: Path) -> None:
    given = {"dbn": str(shared_data / "es_2013"), "instruments": ["ESZ13.XCME"]}

    (one,) = opened(**given).present()

    assert str(one).startswith("ES: data for 18 of 55 sessions, 58,222 of 74,895 trading minutes")
