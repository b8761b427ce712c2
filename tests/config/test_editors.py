"""The JSON Schema agrees with what `qe` reads."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from qe_plugins.config.json_schema import editor_schema

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
