"""The fills on real ES: those of plain Nautilus, and those of yesterday."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, hookimpl
from qe_plugins.config.loader import load
from qe_plugins.data.dbn.decoder import PUBLISHERS
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.plugins import PluginManager
from tests.command import ROOT, figures

CONFIG = ROOT / "configs/backtest/es_2013.yaml"
HERE = Path(__file__).parent
PERMISSIVE = "plugins.guardian_volatility={bars: 1, against: 25, multiple: 1_000_000}"


class Agreeable(Plugin):
    """Is asked about every order that adds risk, and has no objection."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    @hookimpl
    def veto_order(self, order: OrderRequest) -> None:
        self.asked += 1


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """Return what the engine filled when it was last looked at by a person."""
    kept: dict[str, Any] = json.loads((HERE / "es_2013.json").read_text())
    return kept


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state folder of this module, so that the tape is decoded once."""
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(autouse=True)
def _home(shelf: Path, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QE_HOME", str(shelf))


@pytest.fixture
def tape(shared_data: Path) -> str:
    return f"data.dbn={shared_data / 'es_2013'}"


def trade(tape: str, *plugins: Plugin, **overrides: object) -> BacktestResult:
    """Run the configuration in this process, past plugins given as instances."""
    named = PluginManager([(type(plugin).__name__, plugin) for plugin in plugins])
    return run(
        load(CONFIG, (tape, *(f"data.{k}={v}" for k, v in overrides.items()))), plugins=named
    )


def test_plain_nautilus_gives_the_same_fills_in_forty_lines(
    shared_data: Path, golden: dict[str, Any]
) -> None:
    script = HERE / "plain_es_2013.py"
    plain = subprocess.run(
        [sys.executable, script, shared_data / "es_2013", PUBLISHERS],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert plain.stdout.strip() == golden["fills_sha256"]
    assert len(script.read_text().splitlines()) <= 40
    assert "qe_plugins" not in script.read_text()


def test_the_command_line_gives_the_same_fills(tape: str, golden: dict[str, Any]) -> None:
    printed = figures(CONFIG, "--set", tape)
    assert printed["fills_sha256"] == golden["fills_sha256"]
    assert {name: printed[name] for name in golden["figures"]} == golden["figures"]


def test_a_guardian_that_does_not_object_changes_no_fill(tape: str, golden: dict[str, Any]) -> None:
    printed = figures(CONFIG, "--set", tape, "--set", PERMISSIVE)
    [guardian] = printed["plugins"]
    assert (guardian["vetoed"], guardian["failed"]) == (0, 0)
    assert guardian["asked"] >= golden["figures"]["orders"] - 1  # the last one settles the expiry
    assert printed["fills_sha256"] == golden["fills_sha256"]


def test_being_asked_about_every_order_changes_no_fill(tape: str, golden: dict[str, Any]) -> None:
    outcome = trade(tape, agreeable := Agreeable())
    assert agreeable.asked == golden["figures"]["orders"] - 1
    assert outcome.fills_sha256 == golden["fills_sha256"]


@pytest.mark.parametrize("chunk", [1_000, 7_919])
def test_the_size_of_the_pieces_changes_no_fill(
    tape: str, golden: dict[str, Any], chunk: int
) -> None:
    assert trade(tape, chunk_size=chunk).fills_sha256 == golden["fills_sha256"]


def test_the_first_and_the_last_fills_are_those_that_were_looked_at(
    tape: str, golden: dict[str, Any]
) -> None:
    fills = trade(tape).fills.drop("trade_id", "position_id", "reference")
    fills = fills.with_columns(fills["ts"].dt.strftime("%Y-%m-%d %H:%M"))
    assert [list(row) for row in fills.head(5).rows()] == golden["first"]
    assert [list(row) for row in fills.tail(5).rows()] == golden["last"]
