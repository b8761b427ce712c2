"""The configuration files of the project itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from qe_plugins.config.editors import editor_schema
from qe_plugins.config.load import load
from qe_plugins.config.source import dump, read

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
    jsonschema.validate(read(file).bare(), editor_schema())


@pytest.mark.parametrize(("root", "fee"), [("es", "2.15"), ("mes", "0.57"), ("nq", "2.15")])
def test_a_side_costs_what_the_broker_charges(root: str, fee: str) -> None:
    contract = load(CONFIGS / "base" / f"{root}.yaml", MISSING).config.contracts[root.upper()]
    assert contract.fee == Decimal(fee)
    assert contract.margin_init >= contract.margin_maint


def test_a_micro_asks_a_tenth_of_the_margin() -> None:
    es, mes = (
        load(CONFIGS / "base" / f"{r}.yaml", MISSING).config.contracts for r in ("es", "mes")
    )
    assert es["ES"].margin_init // 10 == mes["MES"].margin_init
