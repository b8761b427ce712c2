"""The configuration files of the project itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from qe_plugins.config.json_schema import editor_schema
from qe_plugins.config.loader import load
from qe_plugins.config.yaml_reader import dump, read
from qe_plugins.market.specs import fees, margins

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
BASES = sorted((CONFIGS / "base").glob("*.yaml"))
RUNS = sorted((CONFIGS / "backtest").glob("*.yaml"))
MISSING = ["name=x", "data.synthetic=", "strategies={}"]


def by_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("file", BASES, ids=by_name)
def test_every_base_can_be_built_on(file: Path) -> None:
    config = load(file, MISSING).config
    assert config.nautilus.venue.account_type == "MARGIN"
    assert config.rung.risk == 50


@pytest.mark.parametrize("file", RUNS, ids=by_name)
def test_every_run_loads_and_its_resolved_form_loads_as_the_same(
    file: Path, tmp_path: Path
) -> None:
    loaded = load(file)
    (tmp_path / "resolved.yaml").write_text(dump(loaded.resolved), encoding="utf-8")
    assert load(tmp_path / "resolved.yaml").config == loaded.config


@pytest.mark.parametrize("file", BASES + RUNS, ids=by_name)
def test_editors_find_nothing_wrong_with_our_files(file: Path) -> None:
    jsonschema.validate(read(file).to_plain(), editor_schema())


@pytest.mark.parametrize("file", BASES, ids=by_name)
def test_a_base_does_not_repeat_the_dated_table(file: Path) -> None:
    assert load(file, MISSING).config.contracts == {}


@pytest.mark.parametrize(("root", "fee"), [("ES", "2.15"), ("MES", "0.57"), ("NQ", "2.15")])
def test_a_side_costs_what_the_broker_charges(root: str, fee: str) -> None:
    assert fees(root, date(2024, 1, 3)).total == Decimal(fee)
    held = margins(root, date(2024, 1, 3))
    assert held.initial >= held.maintenance


def test_a_micro_asks_a_tenth_of_the_margin() -> None:
    es, mes = (margins(root, date(2025, 1, 3)) for root in ("ES", "MES"))
    assert es.initial // 10 == mes.initial
