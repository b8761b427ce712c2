"""`qe data symbols` against the fake vendor, through the vendor's own client."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.errors import QeError
from tests.fakes.databento_server import tape
from tests.fakes.databento_server.server import Gateway
from tests.fakes.databento_server.vendor import Vendor

FIRST, UNTIL = dt.date(2013, 12, 2), dt.date(2013, 12, 21)
DAYS = ("--start", "2013-12-09", "--end", "2013-12-21")


@pytest.fixture
def symbols(tmp_path, monkeypatch):
    """Return a function that runs `qe data symbols SYMBOL` at the gateway and gives its rows."""
    archive = tape.make_archive(tape.december(), tape.weekdays(FIRST, UNTIL), every=60)
    with Gateway(Vendor(archive), tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.bundle))
        monkeypatch.setenv("DATABENTO_API_KEY", running.key)

        def ask(symbol):
            words = ["data", "symbols", symbol, *DAYS, "--gateway", running.url, "--json"]
            result = CliRunner().invoke(cli, words)
            if isinstance(result.exception, QeError):
                raise result.exception
            assert result.exit_code == 0, result.output
            return json.loads(result.stdout)

        yield ask


def contracts(document):
    return [(one["id"], one["raw"], one["start"], one["end"]) for one in document["contracts"]]


def test_a_parent_is_its_outright_contracts_without_the_spread(symbols):
    document = symbols("ES.FUT")
    assert document["stype_in"] == "parent"
    assert [one[0] for one in contracts(document)] == ["ESZ13.XCME", "ESH14.XCME", "ESM14.XCME"]


def test_a_continuous_series_is_the_contract_of_each_interval(symbols):
    found = contracts(symbols("ES.v.0"))
    assert [one[0] for one in found] == ["ESZ13.XCME", "ESH14.XCME"]
    assert found[0][2] == "2013-12-09"
    assert found[0][3] <= found[1][2]
    assert found[1][3] == "2013-12-21"


def test_a_raw_name_and_an_id_are_one_contract(symbols):
    assert contracts(symbols("ESZ3")) == [("ESZ13.XCME", "ESZ3", "2013-12-09", "2013-12-21")]
    assert contracts(symbols("1000")) == [("ESZ13.XCME", "ESZ3", "2013-12-09", "2013-12-21")]


def test_a_symbol_that_is_not_listed_is_one_clear_error(symbols):
    with pytest.raises(QeError, match=r"XX\.FUT"):
        symbols("XX.FUT")
