"""`qe data symbols` and `qe data contracts`, as a trader types them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.data import databento
from qe_plugins.data.resolve import Interval
from qe_plugins.data.symbology import SType
from qe_plugins.errors import QeError
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
    document = json.loads(
        qe("data", "contracts", "NQ", "--dbn", str(shared_data / "databento"), "--json").output
    )
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


def test_without_data_contracts_says_how_to_get_some():
    assert "qe data get" in refusal("data", "contracts")
