"""`qe data symbols` and `qe data contracts`, as a trader types them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace

import databento_dbn as dbn
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.data import databento
from qe_plugins.data.symbology.resolver import Interval
from qe_plugins.data.symbology.symbols import SType
from qe_plugins.errors import DataError, QeError
from tests.data.dbn.test_record_checks import changed
from tests.data.dbn_tape import december_tape, file, globex
from tests.fakes.databento_server import tape as gateway
from tests.market import tape

FIRST, MIDDLE, LAST = dt.date(2013, 10, 6), dt.date(2013, 12, 16), dt.date(2014, 1, 1)


def qe(*words):
    return CliRunner().invoke(cli, list(words), catch_exceptions=True)


def refusal(*words):
    """Return the one line that a refused command ends with."""
    result = qe(*words)
    assert isinstance(result.exception, QeError)
    assert result.exception.exit_code == 2
    return str(result.exception)


class Vendor:
    """Resolves ES.v.0 as it was at the roll of December 2013."""

    def resolve(self, symbols, stype_in, stype_out, start, end):
        if stype_in is SType.CONTINUOUS:
            return {"ES.v.0": [Interval(FIRST, MIDDLE, "1"), Interval(MIDDLE, LAST, "2")]}
        return {"1": [Interval(FIRST, LAST, "ESZ3")], "2": [Interval(FIRST, LAST, "ESH4")]}


@pytest.fixture
def _vendor(monkeypatch):
    monkeypatch.setattr(databento, "resolver", lambda *_: Vendor())


@pytest.mark.usefixtures("_vendor")
def test_symbols_shows_the_contracts_of_a_continuous_series():
    said = qe("data", "symbols", "ES.v.0", "--start", "2013-10-06", "--end", "2014-01-01").output
    assert [line.split() for line in said.splitlines()[2:]] == [
        ["ESZ13.XCME", "ESZ3", "2013-10-06", "2013-12-16"],
        ["ESH14.XCME", "ESH4", "2013-12-16", "2014-01-01"],
    ]


@pytest.mark.usefixtures("_vendor")
def test_symbols_as_json_is_one_document():
    words = ("data", "symbols", "ES.v.0", "--start", "2013-10-06", "--end", "2014-01-01", "--json")
    document = json.loads(qe(*words).output)
    assert document["stype_in"] == "continuous"
    assert [one["id"] for one in document["contracts"]] == ["ESZ13.XCME", "ESH14.XCME"]


def test_a_mistaken_symbol_is_answered_before_a_key_is_asked_for():
    said = refusal("data", "symbols", "ES=F", "--start", "2013-10-06", "--end", "2014-01-01")
    assert "Yahoo" in said
    assert "ES.v.0" in said


def test_without_a_key_the_error_says_where_to_get_one():
    said = refusal("data", "symbols", "ES.FUT", "--start", "2013-10-06", "--end", "2014-01-01")
    assert "DATABENTO_API_KEY" in said


def test_contracts_of_real_data(shared_data):
    result = qe("data", "contracts", "--dbn", str(shared_data / "es_2013"))
    assert result.exit_code == 0
    assert result.output.splitlines()[1].split()[:5] == ["ESZ13.XCME", "ESZ3", "0.25", "50", "12.5"]


def test_a_last_trading_day_other_than_by_rule_is_shown(tmp_path):
    late = dt.datetime(2024, 12, 23, 19, 30, tzinfo=dt.UTC)
    oil = {"root": "CL", "exchange": "XNYM", "tick": 0.01, "quantity": 1_000, "expiry": late}
    path = tape.write(tmp_path / "cl.dbn.zst", "definition", [tape.definition("CLZ4", **oil)])
    said = qe("data", "contracts", "--dbn", str(path)).output
    assert said.splitlines()[1].split()[-3:] == ["2024-11-22", "2024-11-20", "1"]
    assert "months FGHJKMNQUVXZ" in said


def test_contracts_as_json_has_numbers(shared_data):
    files = [f"--dbn={one}" for one in globex(shared_data / "databento")]
    document = json.loads(qe("data", "contracts", "NQ", *files, "--json").output)
    assert [(one["id"], one["multiplier"], one["tick"]) for one in document["contracts"]] == [
        ("NQM24.XCME", 20, 0.25),
        ("NQU24.XCME", 20, 0.25),
    ]


def test_a_face_value_is_refused_with_both_figures(tmp_path):
    face = tape.definition(
        "ZNH4",
        root="ZN",
        exchange="XCBT",
        tick=0.015625,
        quantity=100_000,
        expiry=dt.datetime(2024, 3, 19, 17, 1, tzinfo=dt.UTC),
    )
    path = tape.write(tmp_path / "zn.dbn.zst", "definition", [face])
    said = refusal("data", "contracts", "--dbn", str(path))
    assert "ZNH24" in said
    assert "100,000" in said
    assert "1,000 in configs/markets.yaml" in said


def _cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def _garbled(path):
    path.write_bytes(b"no file of Databento's")


def _emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "says"),
    [(_cut, "is cut short"), (_garbled, "is not a Databento file"), (_emptied, "is ")],
)
@pytest.mark.parametrize("name", ["a.dbn.zst", "z.dbn.zst"])
def test_a_damaged_file_costs_one_line_and_the_others_are_shown(tmp_path, damage, says, name):
    december_tape(tmp_path)
    shutil.copy(tmp_path / "definition.dbn.zst", tmp_path / name)
    damage(tmp_path / name)

    result = qe("data", "contracts", "--dbn", str(tmp_path))
    document = json.loads(qe("data", "contracts", "--dbn", str(tmp_path), "--json").output)

    assert (type(result.exception), result.exception.exit_code) == (DataError, 2)
    assert f"1 file is damaged and left out, first: {tmp_path / name} {says}" in str(
        result.exception
    )
    assert len(str(result.exception).splitlines()) == 1
    [told] = [line for line in result.output.splitlines() if line.startswith("WRONG")]
    assert told.startswith(f"WRONG: {tmp_path / name} {says}")
    for contract in ("ESZ13.XCME", "ESH14.XCME", "ESM14.XCME"):
        assert contract in result.output
    assert len(document["damaged"]) == 1


def test_bars_that_are_damaged_cost_contracts_a_line_too(tmp_path):
    december_tape(tmp_path)
    _garbled(tmp_path / "ohlcv-1m.dbn.zst")
    assert "ohlcv-1m.dbn.zst is not a Databento file" in refusal(
        "data", "contracts", "--dbn", str(tmp_path)
    )


def test_a_definition_that_cannot_be_decoded_costs_one_line(tmp_path):
    december_tape(tmp_path)
    shutil.copy(tmp_path / "definition.dbn.zst", tmp_path / "a.dbn.zst")
    changed(tmp_path / "a.dbn.zst", dbn.InstrumentDefMsg, raw_symbol=b"\xff" * 71)

    result = qe("data", "contracts", "--dbn", str(tmp_path))

    assert "a.dbn.zst cannot be decoded" in str(result.exception)
    assert "ESZ13.XCME" in result.output


@pytest.mark.parametrize("place", ["", "definition-opra.dbn.zst"])
def test_definitions_of_another_dataset_are_refused_whole(shared_data, place):
    folder = shared_data / "databento/nautilus"
    result = qe("data", "contracts", "--dbn", str(folder / place))
    assert "definition-opra.dbn.zst: is of dataset 'OPRA.PILLAR', and only GLBX.MDP3" in str(
        result.exception
    )
    assert result.output == ""


def test_verify_says_of_another_dataset_what_it_is(shared_data, tmp_path):
    december_tape(tmp_path)
    shutil.copy(shared_data / "databento/nautilus/definition-opra.dbn.zst", tmp_path)
    result = qe("data", "verify", "--dbn", str(tmp_path))
    [told] = [line for line in result.output.splitlines() if line.startswith("WRONG")]
    assert told.startswith("WRONG: definition-opra.dbn.zst: is of dataset 'OPRA.PILLAR'")


@pytest.mark.parametrize("command", ["rolls", "continuous"])
def test_bars_of_another_dataset_are_refused_whole(tmp_path, command):
    archive = replace(
        gateway.make_archive(gateway.december(), gateway.weekdays(FIRST, LAST)), dataset="XNAS.ITCH"
    )
    (tmp_path / "bars.dbn.zst").write_bytes(file(archive, "ohlcv-1m"))
    assert "bars.dbn.zst: is of dataset 'XNAS.ITCH', and only GLBX.MDP3" in refusal(
        "data", command, "ES", "--dbn", str(tmp_path)
    )


def test_without_data_contracts_says_how_to_get_some():
    assert "qe data get" in refusal("data", "contracts")
