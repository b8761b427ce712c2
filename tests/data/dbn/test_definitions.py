"""Definitions become contracts: correct ticks, multipliers and kinds, each once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qe_plugins.data.dbn.definitions import definition_files, read_definitions
from qe_plugins.data.dbn.instruments import read_futures
from qe_plugins.errors import DataError
from qe_plugins.market.definitions import ContractKind
from tests.data.dbn_tape import globex, opened
from tests.market import tape

MARCH = dt.datetime(2024, 3, 19, 17, 1, tzinfo=dt.UTC)
NOTE = {"root": "ZN", "exchange": "XCBT", "tick": 0.015625, "tick_value": 15.625, "expiry": MARCH}


def read(tmp_path, *definitions):
    return read_definitions([tape.write(tmp_path / "d.dbn.zst", "definition", definitions)])


@pytest.fixture(scope="module")
def genuine(shared_data):
    return read_definitions(definition_files(globex(shared_data / "databento")))


def test_genuine_es_and_nq_have_their_tick_and_multiplier(genuine):
    futures = {one.id: one for one in genuine.contracts if one.kind is ContractKind.FUTURE}
    assert {one.multiplier for one in futures.values() if one.root == "ES"} == {Decimal(50)}
    assert futures["NQU24.XCME"].multiplier == Decimal(20)
    assert {one.tick for one in futures.values()} == {Decimal("0.25")}
    assert not genuine.refused


def test_options_take_their_tick_from_the_tick_rule_and_not_a_cent(genuine):
    options = [
        one for one in genuine.contracts if one.kind is ContractKind.OPTION and one.root == "ES"
    ]
    assert {(one.tick, one.tick_above, one.multiplier) for one in options} == {
        (Decimal("0.05"), Decimal("0.25"), Decimal(50))
    }
    assert {one.tick_limit for one in options} == {Decimal(5), Decimal(10)}


def test_a_weekly_option_belongs_to_the_root_of_its_future(genuine):
    weekly = next(one for one in genuine.contracts if one.raw == "EW2F6 C7000")
    assert (weekly.root, weekly.underlying, weekly.strike) == ("ES", "ESH6", Decimal(7000))


def test_spreads_and_options_are_classed_apart_and_have_no_id_of_ours(genuine):
    kinds = {one.raw: one.kind for one in genuine.contracts}
    assert kinds["ESM4-ESU4"] is ContractKind.SPREAD
    assert kinds["ESM4 C4250"] is ContractKind.OPTION
    assert all(
        (one.id is not None) == (one.kind is ContractKind.FUTURE) for one in genuine.contracts
    )


def test_a_definition_that_is_sent_daily_is_one_contract(shared_data):
    found = read_definitions(definition_files([shared_data / "es_2013"])).contracts
    assert [one.id for one in found] == [
        f"ES{month}.XCME" for month in ("Z13", "H14", "M14", "U14", "Z14")
    ]
    assert sum(one.definitions for one in found) == 321


def test_the_note_loads_where_the_definition_states_a_thousand(tmp_path):
    found = read(tmp_path, tape.definition("ZNH4", quantity=1_000, **NOTE))
    assert [(one.id, one.multiplier, one.tick) for one in found.contracts] == [
        ("ZNH24.XCBT", Decimal(1000), Decimal("0.015625"))
    ]


def test_a_face_value_for_a_multiplier_is_refused_with_both_figures(tmp_path):
    found = read(tmp_path, tape.definition("ZNH4", quantity=100_000, **NOTE))
    assert not found.contracts
    assert [str(one) for one in found.refused] == [
        "ZNH24: multiplier 100,000, but 1,000 in configs/markets.yaml"
    ]


PERCENT = NOTE | {"tick_value": 0.001, "quantity": 100_000, "main_fraction": 32}


def test_the_note_by_its_real_fields_is_in_percent_of_par(tmp_path):
    found = read(tmp_path, tape.definition("ZNH4", **PERCENT))
    assert [(one.id, one.multiplier, one.tick) for one in found.contracts] == [
        ("ZNH24.XCBT", Decimal(1000), Decimal("0.015625"))
    ]
    assert not found.refused


def test_the_note_is_traded_at_a_thousand_a_point(tmp_path):
    tape.write(tmp_path / "d.dbn.zst", "definition", [tape.definition("ZNH4", **PERCENT)])
    bars = [tape.bar(1, dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC), 110.515625, 10)]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1m", bars, {1: "ZNH4"})

    (note,) = opened(dbn=str(tmp_path)).contracts

    assert (str(note.multiplier), str(note.price_increment)) == ("1000", "0.015625")


def test_a_root_that_is_refused_takes_no_other_with_it(tmp_path):
    es = tape.definition("ESH4", root="ES", exchange="XCME", tick=0.25, quantity=50, expiry=ES)
    zn = tape.definition("ZNH4", quantity=100_000, id_=2, **NOTE)
    tape.write(tmp_path / "d.dbn.zst", "definition", [es, zn])
    at = dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC)
    bars = [tape.bar(1, at, 5100, 10), tape.bar(2, at, 110.5, 10)]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1m", bars, {1: "ESH4", 2: "ZNH4"})

    assert [str(one.id) for one in opened(dbn=str(tmp_path)).contracts] == ["ESH24.XCME"]
    for wanted in ({"roots": ["ZN"]}, {"instruments": ["ZNH24.XCBT"]}):
        with pytest.raises(DataError, match=r"refused: ZNH24: multiplier 100,000, but 1,000"):
            opened(dbn=str(tmp_path), **wanted)


ES = dt.datetime(2024, 3, 15, 13, 30, tzinfo=dt.UTC)
LATER = dt.timedelta(hours=1)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("field", ["ts_recv", "ts_event", "activation"])
def test_the_definition_that_was_sent_last_counts(tmp_path, names, field):
    common = {"root": "ES", "exchange": "XCME", "tick": 0.25, "quantity": 50}
    old = tape.definition("ESH4", expiry=ES, **common)
    new = tape.definition("ESH4", expiry=ES, **common)
    new.expiration -= 86_400 * tape.NANO
    setattr(new, field, getattr(new, field) + 3_600 * tape.NANO)
    for name, one in zip(names, (old, new), strict=True):
        tape.write(tmp_path / f"{name}.dbn.zst", "definition", [one])

    files = sorted(tmp_path.iterdir())
    for some in (files, files[::-1]):
        (found,) = read_definitions(some).contracts
        assert found.expiry == ES - dt.timedelta(days=1)


def test_an_expiry_that_parquet_cannot_store_refuses_its_contract_alone(tmp_path):
    common = {"root": "ES", "exchange": "XCME", "tick": 0.25, "quantity": 50}
    sound = tape.definition("ESH4", expiry=ES, **common)
    endless = tape.definition("ESM4", expiry=ES, **common)
    endless.expiration = 2**64 - 2
    file = tape.write(tmp_path / "d.dbn.zst", "definition", [sound, endless])

    found = read_futures([file], "data")

    assert list(found.contracts) == ["ESH24"]
    [refused] = found.refused
    assert "after the year 2262" in str(refused)


def test_a_figure_that_was_corrected_later_is_not_held_against_a_contract(tmp_path):
    wrong = tape.definition("ZNH4", **PERCENT | {"tick": 0.03125})
    right = tape.definition("ZNH4", **PERCENT)
    right.ts_recv += tape.NANO
    assert [one.id for one in read(tmp_path, right, wrong).contracts] == ["ZNH24.XCBT"]


def test_two_definitions_sent_at_once_that_differ_are_refused(tmp_path):
    late = PERCENT | {"expiry": MARCH + LATER}
    early, other = tape.definition("ZNH4", **PERCENT), tape.definition("ZNH4", **late)
    other.ts_recv, other.ts_event = early.ts_recv, early.ts_event
    other.activation = early.activation
    with pytest.raises(DataError, match=r"sent at the same time, differ in 'expiration'"):
        read(tmp_path, early, other)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("min_price_increment", 0, "tick cannot be 0"),
        ("min_price_increment", -1, "tick cannot be"),
        ("min_price_increment", 2**63 - 1, "tick is not stated"),
        ("unit_of_measure_qty", 2**63 - 1, "multiplier is not stated"),
        ("activation", 2_000_000_000 * 10**9, "is before its activation"),
    ],
)
def test_a_definition_that_cannot_be_is_refused_by_its_figure(tmp_path, field, value, says):
    one = tape.definition("ZBH4", **NOTE | {"root": "ZB", "quantity": 1_000, "tick_value": None})
    setattr(one, field, value)
    tape.write(tmp_path / "d.dbn.zst", "definition", [one])
    bars = [tape.bar(1, dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC), 110.5, 10)]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1m", bars, {1: "ZBH4"})

    with pytest.raises(DataError) as caught:
        opened(dbn=str(tmp_path))
    assert says in str(caught.value)


def test_a_definition_in_no_currency_is_refused(tmp_path):
    one = tape.definition("ZBH4", **NOTE | {"root": "ZB", "quantity": 1_000, "currency": ""})
    tape.write(tmp_path / "d.dbn.zst", "definition", [one])
    bars = [tape.bar(1, dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC), 110.5, 10)]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1m", bars, {1: "ZBH4"})

    with pytest.raises(DataError, match="ZBH24: definition is wrong"):
        opened(dbn=str(tmp_path))


def test_a_wrong_tick_and_a_wrong_exchange_are_refused(tmp_path):
    wrong = NOTE | {"tick": 0.03125, "tick_value": 31.25, "exchange": "XCME"}
    found = read(tmp_path, tape.definition("ZNH4", quantity=1_000, **wrong))
    assert {one.figure for one in found.refused} == {"tick", "exchange"}


def test_a_contract_of_a_root_without_terms_is_kept(tmp_path):
    zb = NOTE | {"root": "ZB", "tick": 0.03125, "tick_value": 31.25}
    found = read(tmp_path, tape.definition("ZBH4", quantity=1_000, **zb))
    assert [one.id for one in found.contracts] == ["ZBH24.XCBT"]


def test_the_same_raw_name_ten_years_apart_is_two_contracts(tmp_path):
    es = {"root": "ES", "exchange": "XCME", "tick": 0.25, "quantity": 50}
    early, late = (
        tape.definition("ESH5", expiry=dt.datetime(year, 3, 20, 13, 30, tzinfo=dt.UTC), **es)
        for year in (2015, 2025)
    )
    assert [one.id for one in read(tmp_path, late, early).contracts] == [
        "ESH15.XCME",
        "ESH25.XCME",
    ]


def test_a_folder_without_definitions_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"no definitions.*--dbn"):
        definition_files([tmp_path])


def test_a_definition_file_that_is_cut_short_is_refused(tmp_path):
    path = tape.write(
        tmp_path / "d.dbn.zst", "definition", [tape.definition("ZNH4", quantity=1_000, **NOTE)]
    )
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="cut short"):
        read_definitions([path])


def test_a_tape_with_a_face_value_for_a_multiplier_is_not_run_on(tmp_path):
    from qe_plugins.config.schema import DataSettings
    from qe_plugins.data.tape import open_tape

    note = tape.definition("ZNH4", quantity=100_000, **NOTE)
    tape.write(tmp_path / "d.dbn.zst", "definition", [note], {1: "ZNH4"})
    bars = [tape.bar(1, dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC), 110.5, 10)]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1m", bars, {1: "ZNH4"})
    with pytest.raises(DataError, match=r"ZNH24: multiplier 100,000, but 1,000 in configs"):
        open_tape(DataSettings(dbn=str(tmp_path)), lambda key: f"run.yaml:{key}")
