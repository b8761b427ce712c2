"""`qe options` on real chains."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from qe_plugins.cli.options import options
from qe_plugins.errors import DataError


def output(*arguments: object) -> str:
    """Return what a command prints; it must succeed."""
    done = CliRunner().invoke(options, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_chain_is_imported_and_printed_with_its_surface(shared_data):
    imported = output("import", shared_data / "databento/nautilus/options_exercise")
    printed = output("chain", "ES", "2026-01-09T20:58")
    document = json.loads(output("chain", "ES", "2026-01-09T20:58", "--json"))
    surface = output("surface", "ES", "2026-01-09T20:58")

    assert "1 contract, 8 quotes and 10 prices of futures" in imported
    assert "EW2F26 C7000" in printed
    assert "european" in printed
    assert document["options"][0]["spread_ticks"] > 1
    assert "0 usable quotes out of the money" in surface


def test_a_day_that_was_not_imported_is_refused():
    with pytest.raises(DataError, match="qe options import"):
        output("chain", "ES", "2026-01-10T20:58")
