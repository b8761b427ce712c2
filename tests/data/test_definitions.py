"""Definitions become contracts: right ticks and multipliers, kinds apart, repeats gone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qe_plugins.data.definitions import definition_files, read_definitions
from qe_plugins.errors import DataError
from qe_plugins.market.contracts import Kind
from tests.market import tape

MARCH = dt.datetime(2024, 3, 19, 17, 1, tzinfo=dt.UTC)
NOTE = {"root": "ZN", "exchange": "XCBT", "tick": 0.015625, "tick_value": 15.625, "expiry": MARCH}


def read(tmp_path, *definitions):
    return read_definitions([tape.write(tmp_path / "d.dbn.zst", "definition", definitions)])


@pytest.fixture(scope="module")
def genuine(shared_data):
    return read_definitions(definition_files([shared_data / "databento"]))


def test_genuine_es_and_nq_have_their_tick_and_multiplier(genuine):
    futures = {one.id: one for one in genuine.contracts if one.kind is Kind.FUTURE}
    assert {one.multiplier for one in futures.values() if one.root == "ES"} == {Decimal(50)}
    assert futures["NQU24.XCME"].multiplier == Decimal(20)
    assert {one.tick for one in futures.values()} == {Decimal("0.25")}
    assert not genuine.refused


def test_options_take_their_tick_from_the_tick_rule_and_not_a_cent(genuine):
    options = [one for one in genuine.contracts if one.kind is Kind.OPTION and one.root == "ES"]
    assert {(one.tick, one.tick_above, one.multiplier) for one in options} == {
        (Decimal("0.05"), Decimal("0.25"), Decimal(50))
    }
    assert {one.tick_limit for one in options} == {Decimal(5), Decimal(10)}


def test_a_weekly_option_belongs_to_the_root_of_its_future(genuine):
    weekly = next(one for one in genuine.contracts if one.raw == "EW2F6 C7000")
    assert (weekly.root, weekly.underlying, weekly.strike) == ("ES", "ESH6", Decimal(7000))


def test_spreads_and_options_are_classed_apart_and_have_no_id_of_ours(genuine):
    kinds = {one.raw: one.kind for one in genuine.contracts}
    assert kinds["ESM4-ESU4"] is Kind.SPREAD
    assert kinds["ESM4 C4250"] is Kind.OPTION
    assert all((one.id is not None) == (one.kind is Kind.FUTURE) for one in genuine.contracts)


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
    from qe_plugins.config.schema import Data
    from qe_plugins.data.tape import open_tape

    note = tape.definition("ZNH4", quantity=100_000, **NOTE)
    tape.write(tmp_path / "d.dbn.zst", "definition", [note], {1: "ZNH4"})
    bars = [tape.bar(1, dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC), 110.5, 10)]
    tape.write(tmp_path / "b.dbn.zst", "ohlcv-1m", bars, {1: "ZNH4"})
    with pytest.raises(DataError, match=r"ZNH24: multiplier 100,000, but 1,000 in configs"):
        open_tape(Data(dbn=str(tmp_path)), lambda key: f"run.yaml:{key}")
