"""Final settlement prices, from Databento's `statistics` into the folder of a catalog."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard
from databento_dbn import Metadata, Schema, StatMsg, StatMsgV1, StatType, StatUpdateAction, SType

from qe_plugins.data.catalog.settlements import FILE, Settlement
from qe_plugins.errors import DataError
from tests.data.dbn_tape import december_tape, opened
from tests.market import tape

NAMES = {1000: "ESZ3", 1007: "ESH4", 1099: "ESZ3-ESH4"}
THURSDAY, FRIDAY = dt.date(2013, 12, 19), dt.date(2013, 12, 20)
EVENING = dt.time(22)
FINAL, PRELIMINARY = 3, 2


def settlement(price: float, day: dt.date | None = FRIDAY, **more: Any) -> StatMsg:
    """Return what the exchange says on a Friday evening of the settlement of a day."""
    at = tape.nanoseconds(dt.datetime.combine(FRIDAY, more.pop("at", EVENING), dt.UTC))
    of = 2**64 - 1 if day is None else tape.nanoseconds(dt.datetime.combine(day, dt.time(), dt.UTC))
    given = {"instrument_id": 1000, "stat_flags": FINAL, "stat_type": StatType.SETTLEMENT_PRICE}
    return StatMsg(
        publisher_id=1,
        ts_event=at,
        ts_recv=at,
        ts_ref=of,
        price=round(price * 100) * 10_000_000,
        quantity=2**63 - 1,
        **given | more,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return bars and definitions of the roll of December 2013; ESZ13 expires on the 20th."""
    return december_tape(tmp_path / "es")


def told(folder: Path, *records: StatMsg, **data: Any) -> dict[str, Settlement]:
    tape.write(folder / "statistics.dbn.zst", "statistics", records, NAMES)
    return dict(opened(dbn=str(folder), **data).settlements)


def price(folder: Path, *records: StatMsg) -> Decimal | None:
    found = told(folder, *records).get("ESZ13.XCME")
    return found.price if found else None


def test_the_settlement_of_the_last_day_is_found(folder: Path) -> None:
    found = told(folder, settlement(1_807.0, THURSDAY), settlement(1_812.37))
    assert found == {
        "ESZ13.XCME": Settlement(
            contract="ESZ13.XCME",
            price=Decimal("1812.37"),
            published=tape.nanoseconds(dt.datetime(2013, 12, 20, 22, tzinfo=dt.UTC)),
            preliminary=False,
        )
    }


def test_without_statistics_there_is_none(folder: Path) -> None:
    assert opened(dbn=str(folder)).settlements == {}


def test_the_settlement_of_the_day_before_is_none(folder: Path) -> None:
    assert price(folder, settlement(1_807.0, THURSDAY)) is None


def test_a_final_price_goes_over_a_later_preliminary_one(folder: Path) -> None:
    late = settlement(1_811.0, stat_flags=PRELIMINARY, at=dt.time(23))
    assert price(folder, settlement(1_812.37), late) == Decimal("1812.37")


def test_of_two_final_prices_the_later_counts(folder: Path) -> None:
    assert price(folder, settlement(1_812.0, at=dt.time(21)), settlement(1_812.5)) == 1_812.5


def test_a_preliminary_price_is_better_than_none_and_says_so(folder: Path) -> None:
    [found] = told(folder, settlement(1_811.0, stat_flags=PRELIMINARY)).values()
    assert found.preliminary


@pytest.mark.parametrize(
    "useless",
    [
        {"stat_flags": 8},  # intraday
        {"update_action": StatUpdateAction.DELETE},
        {"stat_type": StatType.FIXING_PRICE},
        {"instrument_id": 1099},  # the spread
        {"instrument_id": 77},  # in no header
    ],
)
def test_what_is_no_settlement_of_the_contract_is_passed_over(
    folder: Path, useless: dict[str, Any]
) -> None:
    assert price(folder, settlement(1_700.0, **useless)) is None


def test_a_price_that_is_not_set_is_none(folder: Path) -> None:
    empty = settlement(1_700.0)
    empty = StatMsg(
        publisher_id=1, instrument_id=1000, ts_event=empty.ts_event, ts_recv=empty.ts_event,
        ts_ref=empty.ts_ref, price=2**63 - 1, quantity=0, stat_type=StatType.SETTLEMENT_PRICE,
    )  # fmt: skip
    assert price(folder, empty) is None


def test_an_older_feed_names_no_day_and_what_came_after_the_expiry_counts(folder: Path) -> None:
    before = settlement(1_807.0, None, at=dt.time(12), stat_flags=255)
    after = settlement(1_812.37, None, stat_flags=255)
    assert price(folder, after, before) == Decimal("1812.37")


def test_a_contract_that_expires_after_the_tape_does_not_settle_on_it(folder: Path) -> None:
    march = settlement(1_850.0, dt.date(2014, 3, 21), instrument_id=1007)
    assert told(folder, march) == {}
    assert "ESZ13.XCME" in told(folder, settlement(1_812.37))
    assert told(folder, settlement(1_812.37), end=dt.datetime(2013, 12, 20, 12)) == {}


def test_files_of_the_first_version_are_read_too(folder: Path) -> None:
    header = Metadata(
        dataset="GLBX.MDP3", version=1, start=0, stype_in=SType.PARENT,
        stype_out=SType.INSTRUMENT_ID, schema=Schema.STATISTICS, symbols=["ES.FUT"],
        partial=[], not_found=[], mappings=tape.mappings({1000: "ESZ3"}),
    )  # fmt: skip
    new = settlement(1_812.37)
    old = StatMsgV1(
        publisher_id=1, instrument_id=1000, ts_event=new.ts_event, ts_recv=new.ts_recv,
        ts_ref=new.ts_ref, price=new.price, quantity=2**31 - 1, stat_type=new.stat_type,
        stat_flags=FINAL,
    )  # fmt: skip
    content = bytes(header.encode()) + bytes(old)
    (folder / "statistics.dbn.zst").write_bytes(zstandard.compress(content))
    assert opened(dbn=str(folder)).settlements["ESZ13.XCME"].price == Decimal("1812.37")


def test_statistics_cut_short_are_refused(folder: Path) -> None:
    told(folder, settlement(1_812.37))
    file = folder / "statistics.dbn.zst"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"run\.yaml:dbn: .*statistics\.dbn\.zst is cut short"):
        opened(dbn=str(folder))


def test_a_changed_settlement_is_read_anew(folder: Path) -> None:
    assert price(folder, settlement(1_812.37)) == Decimal("1812.37")
    assert price(folder, settlement(1_812.5)) == Decimal("1812.5")


def test_the_decoded_catalog_carries_them(folder: Path) -> None:
    told(folder, settlement(1_812.37))
    catalog = opened(dbn=str(folder)).catalog
    assert opened(catalog=str(catalog)).settlements["ESZ13.XCME"].price == Decimal("1812.37")


def test_a_damaged_file_of_settlements_is_one_clear_error(folder: Path, tmp_path: Path) -> None:
    told(folder, settlement(1_812.37))
    copy = tmp_path / "copy"
    for file in (catalog := opened(dbn=str(folder)).catalog).rglob("*.parquet"):
        place = copy / file.relative_to(catalog)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    (copy / FILE).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"run\.yaml:catalog: .*settlements\.parquet cannot be"):
        opened(catalog=str(copy))
