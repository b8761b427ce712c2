"""Settlement prices that were bought with `statistics` settle what is held into expiry."""

from __future__ import annotations

import pytest
import yaml

from tests.command import ROOT

PRICE = "+1 ESZ13.XCME settled at 1,750.00, the exchange's preliminary settlement price"
SCHEMAS = "[ohlcv-1m, definition, statistics]"


@pytest.fixture
def config(tmp_path):
    """Write a run that holds ESZ13 into its expiry."""
    file = tmp_path / "run.yaml"
    held = {
        "extends": str(ROOT / "configs/base/cme.yaml"),
        "name": "held",
        "rung": {"name": "1 ES"},
        "data": {"catalog": "set below"},
        "strategies": {"hold": {"instrument_id": "ESZ13.XCME"}},
        "expiry": {"flat_before": "0s"},
    }
    file.write_text(yaml.safe_dump(held))
    return file


@pytest.mark.parametrize("symbols", ["front", "parent", "[ESZ3]"])
def test_from_a_download_to_a_settled_position(qe, request_file, home, config, symbols):
    bought = qe("data", "get", request_file(symbols, SCHEMAS), "--max-cost", "1")
    assert ", 1 of them with a final settlement in" in bought.out

    ran = qe("backtest", config, "--set", f"data.catalog={home.folder / 'catalog'}", "--json")

    assert ran.code == 0, ran.err
    assert ran.json["assumptions"][0].startswith(PRICE)
    [settled] = ran.json["settlements"]
    assert (settled["basis"], settled["published"]) == ("preliminary", "2013-12-20T22:00:00+00:00")


def test_the_files_themselves_say_the_same(qe, request_file, home, config):
    qe("data", "get", request_file("[ESZ3]", SCHEMAS), "--max-cost", "1")

    ran = qe("backtest", config, "--set", f"data.dbn={home.folder / 'ES'}", "--json")

    assert ran.json["assumptions"][0].startswith(PRICE)


def test_statistics_that_come_later_are_found(qe, request_file, home, config):
    qe("data", "get", request_file("[ESZ3]", "[ohlcv-1m, definition]"), "--max-cost", "1")
    words = ("backtest", config, "--set", f"data.catalog={home.folder / 'catalog'}", "--json")
    assert "the data has no settlement price of 2013-12-20" in qe(*words).json["assumptions"][0]

    qe("data", "get", request_file("[ESZ3]", SCHEMAS), "--max-cost", "1")

    assert qe(*words).json["assumptions"][0].startswith(PRICE)
