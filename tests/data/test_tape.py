"""A tape of any source: its description, order, chunks and window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.tape import Tape
from qe_plugins.errors import DataError
from tests.data.dbn_tape import december_tape, keys, opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return december_tape(tmp_path / "es")


def test_a_tape_says_what_it_holds(folder: Path) -> None:
    tape = opened(dbn=str(folder))
    heard = keys(tape)
    assert (tape.start, tape.end, tape.records) == (heard[0][0], heard[-1][0], len(heard))
    assert [str(one.id) for one in tape.contracts] == ["ESH14.XCME", "ESM14.XCME", "ESZ13.XCME"]
    assert tape.bar_types == [f"{one.id}-1-MINUTE-LAST-EXTERNAL" for one in tape.contracts]
    assert (tape.source, tape.label) == ("dbn", "Databento DBN es (ESZ13, ESH14, ESM14)")


def test_records_come_by_time_and_at_one_time_by_contract(folder: Path) -> None:
    heard = [(at, name) for at, name, _ in keys(opened(dbn=str(folder)))]
    assert heard == sorted(heard)


@pytest.mark.parametrize("chunk", [1_000, 1_700, 100_000])
def test_chunks_of_any_size_hold_the_same_records(chunk: int) -> None:
    settings = SyntheticSettings(sessions=5)
    chunks = [one.records for one in opened(synthetic=settings, chunk_size=chunk).chunks()]
    assert [str(one) for part in chunks for one in part] == [
        text for *_, text in keys(opened(synthetic=settings))
    ]
    assert max(map(len, chunks)) <= 2 * chunk


def test_start_is_inclusive_and_end_exclusive(folder: Path) -> None:
    start = datetime(2013, 12, 10, 0, 1, tzinfo=UTC)
    end = datetime(2013, 12, 10, 0, 31, tzinfo=UTC)
    tape = opened(dbn=str(folder), start=start, end=end)
    assert sorted({at // 1_000_000_000 for at, *_ in keys(tape)}) == [
        start.timestamp(),
        start.timestamp() + 900,
    ]
    assert tape.records == len(keys(tape)) == 6


def test_a_time_without_a_zone_is_utc(folder: Path) -> None:
    naive, aware = datetime(2013, 12, 10), datetime(2013, 12, 10, tzinfo=UTC)
    assert opened(dbn=str(folder), start=naive).start == opened(dbn=str(folder), start=aware).start


def test_contracts_without_records_in_the_window_are_left_out(folder: Path) -> None:
    tape = opened(dbn=str(folder), start=datetime(2013, 12, 23, tzinfo=UTC))
    assert [str(one.id) for one in tape.contracts] == ["ESH14.XCME", "ESM14.XCME"]


def test_instruments_limit_the_tape(folder: Path) -> None:
    tape = opened(dbn=str(folder), instruments=["ESH14.XCME"])
    assert {name for _, name, _ in keys(tape)} == {"ESH14.XCME-1-MINUTE-LAST-EXTERNAL"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ES.v.0", "continuous series, which feeds signals and is not traded. Write a dated"),
        ("ES.c.0", "continuous series"),
        ("ES1!", "continuous series"),
        ("ES", "a root, which names no contract. Write 'ESH14.XCME'"),
        ("ESZ3", "one year digit, which comes back every ten years. Write 'ESZ13.XCME'."),
        ("ESZ3.XCME", "one year digit, which comes back every ten years. Write 'ESZ13.XCME'."),
        ("ESZ13", "not the whole id. Write 'ESZ13.XCME'."),
        ("esz13.xcme", "Did you mean 'ESZ13.XCME'?"),
        ("ESU14.XCME", "the data has no contract 'ESU14.XCME'. Did you mean 'ESM14.XCME'?"),
        ("corn", "It has ESH14.XCME, ESM14.XCME, ESZ13.XCME."),
    ],
)
def test_what_is_no_contract_of_the_tape_is_refused(folder: Path, name: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        opened(dbn=str(folder), instruments=[name])
    assert str(caught.value).startswith(f"run.yaml:instruments: '{name}'") or name in str(
        caught.value
    )
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"bars": "30-SECOND-LAST"},
            "run.yaml:bars: the data has no 30-SECOND-LAST bars. It has 1-MINUTE-LAST.",
        ),
        (
            {"start": datetime(2014, 1, 1, tzinfo=UTC)},
            "run.yaml:start: the data ends before 2014-01-01T00:00:00Z. "
            "The data has 2013-12-09T00:01:00Z to 2013-12-23T21:46:00Z.",
        ),
        (
            {"end": datetime(2012, 1, 1, tzinfo=UTC)},
            "run.yaml:end: the data begins after 2012-01-01T00:00:00Z. "
            "The data has 2013-12-09T00:01:00Z to 2013-12-23T21:46:00Z.",
        ),
        (
            {
                "start": datetime(2013, 12, 14, tzinfo=UTC),
                "end": datetime(2013, 12, 15, tzinfo=UTC),
            },
            "run.yaml:start: the data has no record from 2013-12-14T00:00:00Z to "
            "2013-12-15T00:00:00Z. Widen 'start' and 'end': a session, a weekend or a holiday may "
            "lie between.",
        ),
        (
            {"quotes": True},
            "run.yaml:quotes: the data has no quotes. Set 'quotes: false' or add them to the data.",
        ),
    ],
)
def test_what_the_tape_lacks_is_one_error(
    folder: Path, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(DataError) as caught:
        opened(dbn=str(folder), **settings)
    assert str(caught.value) == says


@pytest.fixture
def real(shared_data: Path) -> Callable[..., Tape]:
    return lambda **settings: opened(dbn=str(shared_data / "es_2013"), **settings)


def test_the_real_tape_of_2013_has_five_dated_contracts(real: Callable[..., Tape]) -> None:
    tape = real()
    assert tape.records == 22_246
    assert {str(one.id): str(one.raw_symbol) for one in tape.contracts} == {
        "ESH14.XCME": "ESH4",
        "ESM14.XCME": "ESM4",
        "ESU14.XCME": "ESU4",
        "ESZ13.XCME": "ESZ3",
        "ESZ14.XCME": "ESZ4",
    }
    heard = keys(tape)
    assert len(heard) == 22_246
    assert [at for at, *_ in heard] == sorted(at for at, *_ in heard)
    assert heard[1][2].startswith(
        "ESZ13.XCME-1-MINUTE-LAST-EXTERNAL,1676.75,1677.25,1673.50,1675.25"
    )
    assert heard[-1][2].startswith("ESH14.XCME-1-MINUTE-LAST-EXTERNAL,1817.25,1817.50,1817.00")


def test_the_real_tape_keeps_what_the_definitions_say(real: Callable[..., Tape]) -> None:
    z13 = next(one for one in real().contracts if str(one.id) == "ESZ13.XCME")
    assert (str(z13.multiplier), str(z13.price_increment), z13.exchange) == ("50", "0.25", "XCME")
    assert z13.expiration_utc == datetime(2013, 12, 20, 14, 30, tzinfo=UTC)


def test_daily_bars_of_the_same_folder_are_a_tape_too(real: Callable[..., Tape]) -> None:
    assert real(bars="1-DAY-LAST").records == 196
