"""Whatever a trader gets wrong is one line on standard error, exit code 2, and nothing written."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins import state_dir
from qe_plugins.cli import main
from tests.command import qe
from tests.engine.conftest import CONTRACT, CONTRACTS

BARS = "ES.FUT_parent_ohlcv-1m_20131006_20131227.dbn.zst"
ES = {"ES": {"margin_init": 22_302, "margin_maint": 20_275, "fee": 2.15}}
FOLLOWER = {"signal_follower": {}}
CROSS = "strategies.ema_cross:EmaCross"

Complaint = Callable[..., str]


@pytest.fixture
def complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Complaint:
    """Return a function that runs a configuration that is wrong and returns the one line said."""

    def run(config: dict[str, Any], *arguments: str) -> str:
        file = tmp_path / "wrong.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        monkeypatch.setattr(sys, "argv", ["qe", "backtest", str(file), "--json", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert (left.value.code, said.out) == (2, "")
        assert written() == set()
        [line] = said.err.splitlines()
        return line

    return run


def written() -> set[str]:
    """Return what is in the state folder besides caches."""
    files = (file for file in state_dir.state_dir().rglob("*") if file.is_file())
    return {str(file) for file in files if state_dir.cache_dir() not in file.parents}


@pytest.fixture
def market(tape: Callable[..., Path]) -> dict[str, Any]:
    """Return a configuration that is right: ten minutes of MES."""
    return {
        "name": "right",
        "data": {"catalog": str(tape((4750,) * 10))},
        "strategies": FOLLOWER,
        "contracts": CONTRACTS,
    }


@pytest.fixture
def real(tmp_path: Path, shared_data: Path) -> dict[str, Any]:
    """Return a configuration that is right: a copy of the files of ES in 2013, to be damaged."""
    copy = tmp_path / "es_2013"
    copy.mkdir()
    for file in (shared_data / "es_2013").glob("ES.FUT_parent_*.dbn.zst"):
        (copy / file.name).write_bytes(file.read_bytes())
    data = {"dbn": str(copy)}
    return {"name": "right", "data": data, "strategies": FOLLOWER, "contracts": ES}


def strategy(**settings: Any) -> dict[str, Any]:
    """Return a section that runs the EMA cross with these settings."""
    return {"cross": {"path": CROSS, "config": settings}}


def test_a_misspelt_key(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"strategis": {}})
    assert "wrong.yaml:" in line
    assert line.endswith("unknown field 'strategis'. Did you mean 'strategies'?")


def test_a_misspelt_setting_of_a_strategy(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"strategies": strategy(instrument_id=CONTRACT, fasst=3)})
    assert "unknown field 'fasst'. Did you mean 'fast'?" in line


def test_a_wrong_setting_of_a_strategy(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"strategies": strategy(instrument_id=CONTRACT, fast=30, slow=3)})
    assert "fast must be shorter than slow, was 30 and 3" in line


def test_an_unknown_plugin(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"plugins": {"guardian_limit": {}}})
    assert "no plugin is called 'guardian_limit'. Did you mean 'guardian_limits'?" in line


def test_a_wrong_setting_of_a_plugin(market: dict[str, Any], complaint: Complaint) -> None:
    assert "max_contracts" in complaint(
        market | {"plugins": {"guardian_limits": {"max_contracts": 0}}}
    )


def test_a_misspelt_setting_of_a_plugin(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"plugins": {"guardian_limits": {"max_contract": 1}}})
    assert "unknown field 'max_contract'. Did you mean 'max_contracts'?" in line


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.such.module:Thing", "no module 'no'"),
        ("strategies.ema_crss:EmaCross", "no module 'strategies.ema_crss'"),
        ("strategies.ema_cross:EmaCros", "has no 'EmaCros'. Did you mean 'EmaCross'?"),
        ("strategies.ema_cross:EmaCrossConfig", "is not a Nautilus Strategy"),
        ("strategies.ema_cross", "must be `module:Class`, was 'strategies.ema_cross'"),
    ],
)
def test_an_unknown_strategy_path(
    market: dict[str, Any], complaint: Complaint, path: str, said: str
) -> None:
    assert said in complaint(market | {"strategies": {"mine": {"path": path}}})


def test_an_unknown_short_name(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"strategies": {"ema_crss": {}}})
    assert "no strategies/ema_crss.py. Did you mean 'ema_cross'?" in line


def test_an_actor_without_a_path(market: dict[str, Any], complaint: Complaint) -> None:
    assert "needs a `path: module:Class`" in complaint(market | {"actors": {"watcher": {}}})


@pytest.mark.parametrize("source", ["dbn", "catalog"])
def test_an_empty_data_folder(
    market: dict[str, Any], complaint: Complaint, tmp_path: Path, source: str
) -> None:
    (tmp_path / "empty").mkdir()
    line = complaint(market | {"data": {source: str(tmp_path / "empty")}})
    assert str(tmp_path / "empty") in line


@pytest.mark.parametrize("source", ["dbn", "catalog"])
def test_a_missing_data_folder(
    market: dict[str, Any], complaint: Complaint, tmp_path: Path, source: str
) -> None:
    line = complaint(market | {"data": {source: str(tmp_path / "nowhere")}})
    assert "nowhere" in line


def test_data_that_ends_before_the_start(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market, "--set", "data.start=2024-02-01")
    assert "2024-02-01" in line


def test_real_data_that_ends_before_the_start(real: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(real, "--set", "data.start=2014-06-01")
    assert "2014-06-01" in line


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_truncated_file(real: dict[str, Any], complaint: Complaint, share: float) -> None:
    file = Path(real["data"]["dbn"], BARS)
    os.truncate(file, int(file.stat().st_size * share))
    assert BARS in complaint(real)


def test_a_file_that_was_cut_after_it_had_been_read_once(
    real: dict[str, Any], complaint: Complaint
) -> None:
    file = Path(real["data"]["dbn"], BARS)
    whole = file.read_bytes()
    complaint(real, "--set", "data.start=2014-06-01")  # decodes the whole file into the cache
    file.write_bytes(whole[:-1])
    assert BARS in complaint(real)


def test_a_bar_type_that_the_data_does_not_have(
    market: dict[str, Any], complaint: Complaint
) -> None:
    assert "30-SECOND-LAST" in complaint(market, "--set", "data.bars=30-SECOND-LAST")


def test_a_bar_type_that_real_data_does_not_have(
    real: dict[str, Any], complaint: Complaint
) -> None:
    assert "1-SECOND-LAST" in complaint(real, "--set", "data.bars=1-SECOND-LAST")


def test_no_bar_type_at_all(market: dict[str, Any], complaint: Complaint) -> None:
    assert "ONE-MINUTE" in complaint(market, "--set", "data.bars=ONE-MINUTE")


def test_a_strategy_that_wants_bars_that_the_data_does_not_have(
    market: dict[str, Any], complaint: Complaint
) -> None:
    settings = {"instrument_id": CONTRACT, "bars": "5-MINUTE-LAST"}
    line = complaint(market | {"strategies": strategy(**settings)})
    assert f"the data has no bars {CONTRACT}-5-MINUTE-LAST-EXTERNAL" in line


def test_a_setting_called_bar_type_that_the_data_does_not_have(
    market: dict[str, Any], complaint: Complaint
) -> None:
    trader = {
        "path": "tests.engine.authors:WithPlainArguments",
        "config": {"bar_type": f"{CONTRACT}-1-HOUR-LAST-EXTERNAL"},
    }
    line = complaint(market | {"strategies": {"mine": trader}})
    assert f"the data has no bars {CONTRACT}-1-HOUR-LAST-EXTERNAL" in line


@pytest.mark.parametrize("symbol", ["ES.c.0", "ES.v.0", "ES.n.1"])
def test_a_continuous_symbol_in_instruments(
    real: dict[str, Any], complaint: Complaint, symbol: str
) -> None:
    line = complaint(real, "--set", f"data.instruments=[{symbol}]")
    assert "continuous" in line
    assert symbol in line


@pytest.mark.parametrize("symbol", ["ES.c.0", "ES.v.0.XCME"])
def test_a_continuous_symbol_as_the_contract_of_a_strategy(
    real: dict[str, Any], complaint: Complaint, symbol: str
) -> None:
    line = complaint(real | {"strategies": strategy(instrument_id=symbol)})
    assert "continuous" in line
    assert symbol in line


def test_a_file_of_a_continuous_series(
    real: dict[str, Any], complaint: Complaint, shared_data: Path
) -> None:
    for file in Path(real["data"]["dbn"]).glob("*ohlcv*"):
        file.unlink()
    shutil.copy(next((shared_data / "es_2013").glob("ES.c.0_*")), real["data"]["dbn"])
    assert "continuous" in complaint(real)


def test_a_contract_that_the_data_does_not_have(
    market: dict[str, Any], complaint: Complaint
) -> None:
    line = complaint(market | {"strategies": strategy(instrument_id="MESH25.XCME")})
    assert "MESH25.XCME" in line


def test_a_day_trade_margin_that_is_not_known(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"contracts": ES, "margin": {"basis": "day_trade"}})
    assert "no day-trade margin of MES from 2022-01-21" in line
    assert "contracts.MES.day_trade" in line


@pytest.mark.parametrize(
    "override", ["rung.risk", "rung.risk=", "=5", "rung.risc=5", "rung.risk=some"]
)
def test_a_bad_override(market: dict[str, Any], complaint: Complaint, override: str) -> None:
    assert "--set" in complaint(market, "--set", override)


def test_an_out_folder_that_is_not_empty(
    market: dict[str, Any], complaint: Complaint, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    line = complaint(market, "--out", str(tmp_path / "full"))
    assert "the folder is not empty" in line
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["notes.txt"]


def test_a_file_that_is_not_there(complaint: Complaint, tmp_path: Path) -> None:
    done = qe("backtest", tmp_path / "nothing.yaml")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "nothing.yaml" in done.stderr


def test_a_plugin_that_cannot_be_imported_stops_the_run_that_names_it(
    market: dict[str, Any], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "agents").mkdir(parents=True)
    (project / "agents" / "__init__.py").touch()
    (project / "agents" / "broken.py").write_text("import no_such_library\n")
    (project / "run.yaml").write_text(yaml.safe_dump(market | {"plugins": {"broken": {}}}))
    done = qe("backtest", "run.yaml", "--json", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "plugin 'broken' (agents/broken.py) cannot be used" in done.stderr.splitlines()[-1]
    assert "No module named 'no_such_library'" in done.stderr
    assert written() == set()


@pytest.mark.parametrize(
    "venue",
    [
        {"base_currency": "EUR", "starting_balances": ["100_000 EUR"]},
        {"base_currency": "EUR"},
        {"starting_balances": ["100_000 EUR"]},
        {"base_currency": None, "starting_balances": ["100_000 GBP"]},
        {"starting_balances": ["100_000 USD", "5_000 EUR"]},
    ],
)
def test_an_account_in_another_currency(
    market: dict[str, Any], complaint: Complaint, venue: dict[str, Any]
) -> None:
    line = complaint(market | {"contracts": {}, "nautilus": {"venue": venue}})
    assert "wrong.yaml:" in line
    assert "the contracts are in USD, and there is no rate. Write it in USD." in line


def test_a_venue_that_hedges(market: dict[str, Any], complaint: Complaint) -> None:
    line = complaint(market | {"nautilus": {"venue": {"oms_type": "HEDGING"}}})
    assert line.endswith("A futures account nets: write NETTING, or leave it out.")


def test_a_strategy_that_hedges(market: dict[str, Any], complaint: Complaint) -> None:
    section = {"it": {"path": "tests.engine.traders:HedgingByItself"}}
    assert "oms_type HEDGING keeps a long and a" in complaint(market | {"strategies": section})
