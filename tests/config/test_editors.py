"""The JSON Schema agrees with what `qe` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.config.installed_schema import with_installed
from qe_plugins.config.json_schema import editor_schema
from qe_plugins.config.yaml_reader import read

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

FITS: dict[str, dict[str, Any]] = {
    "a whole run": {"name": "x", "data": {"synthetic": {}}, "strategies": {"ema": {}}},
    "a part of one": {"rung": {"risk": 5}},
    "a base": {"extends": "base/es.yaml"},
    "several bases": {"extends": ["a.yaml", "b.yaml"]},
    "money with its unit": {"rung": {"risk": "1_000 USD"}},
    "a time span with its unit": {"risk": {"veto_timeout": "250ms"}},
    "a number without one": {"risk": {"veto_timeout": 0.25}},
    "a reference for a number": {"rung": {"risk": "${RISK}", "max_contracts": "${MOST:-1}"}},
    "a price": {"data": {"synthetic": {"open_price": 4750.25}}},
    "a plugin with nothing after it": {"plugins": {"guardian_limits": None}},
    "a strategy with nothing after it": {"strategies": {"ema_cross": None}},
    "a date": {"data": {"dbn": "tape", "start": "2024-01-02"}},
}
WRONG: dict[str, dict[str, Any]] = {
    "a misspelt section": {"pluggins": {}},
    "a misspelt key": {"rung": {"rsk": 5}},
    "an unknown unit": {"risk": {"veto_timeout": "5 parsecs"}},
    "a word for an amount": {"rung": {"risk": "little"}},
    "a value that is not one of the allowed": {"nautilus": {"venue": {"oms_type": "NET"}}},
    "a word for a number": {"rung": {"max_contracts": "many"}},
}


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(editor_schema())


@pytest.mark.parametrize("document", FITS.values(), ids=FITS.keys())
def test_what_may_be_written_fits(document: dict[str, Any]) -> None:
    jsonschema.validate(document, editor_schema())


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG.keys())
def test_mistakes_do_not_fit(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, editor_schema())


@pytest.fixture(scope="module")
def installed() -> dict[str, Any]:
    """Return the schema with the plugins of this project."""
    return with_installed(editor_schema())


@pytest.mark.parametrize("name", ["backtest/quickstart.yaml", "live/mes_paper.yaml"])
def test_a_run_and_a_live_session_fit_with_the_settings_of_their_plugins(installed, name) -> None:
    jsonschema.validate(read(CONFIGS / name).to_plain(), installed)


def test_strategies_and_plugins_that_are_installed_are_named(installed) -> None:
    top = installed["$defs"]["Config"]["properties"]

    assert "opening_range" in top["strategies"]["properties"]
    assert "GUARDIAN" in top["plugins"]["properties"]["guardian_limits"]["description"]


def test_a_misspelt_setting_of_a_plugin_does_not_fit(installed) -> None:
    with pytest.raises(jsonschema.ValidationError, match="dayly_loss"):
        jsonschema.validate({"plugins": {"guardian_limits": {"dayly_loss": 5}}}, installed)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("fleet", "fleet/team.yaml"),
        ("fleet", "fleet/full.yaml"),
        ("data", "data/cme_core.yaml"),
        ("factors", "research/planted_factors.yaml"),
        ("ladder", "ladder/mes_to_es.yaml"),
    ],
)
def test_a_file_that_is_no_run_fits_the_schema_of_its_kind(kind, name) -> None:
    schema = json.loads(CliRunner().invoke(cli, ["schema", kind]).output)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(read(CONFIGS / name).to_plain(), schema)
