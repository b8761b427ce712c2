"""A plugin in a package of its own: installed it is available, named it is active."""

from __future__ import annotations

import json

import pytest

from tests.third_party.desk import Desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"), "desk_rules")


@pytest.mark.long
def test_an_installed_plugin_says_who_brings_it(desk):
    assert desk.plugins()["desk_sells_only"]["source"] == "entry point of desk-rules 1.2"
    row = desk.plugins("--load")["desk_sells_only"]

    assert row["source"] == "entry point of desk-rules 1.2"
    assert (row["role"], row["hooks"]) == ("GUARDIAN", ["veto_order"])


@pytest.mark.long
def test_an_installed_plugin_is_inactive_until_it_is_named(desk):
    named = ("--config", "run.yaml", "--set", "plugins.desk_sells_only={}")

    assert desk.plugins("--config", "run.yaml")["desk_sells_only"]["order"] is None
    assert desk.plugins(*named)["desk_sells_only"]["order"] == 1


@pytest.mark.long
def test_a_plugin_that_fails_to_import_is_listed(desk):
    error = desk.plugins("--load")["desk_calendar"]["error"]

    assert error == "ModuleNotFoundError: No module named 'no_such_calendar'"


@pytest.mark.long
def test_it_stops_nothing_when_it_is_not_named(desk):
    result = desk.backtest()

    assert result["fills"] > 0
    assert (result["denied"], result["plugins"]) == (0, [])


def test_it_vetoes_when_it_is_named(desk):
    result = desk.backtest("--set", "plugins.desk_sells_only.says=not today")

    assert result["fills"] == 0
    assert result["denied"] > 0
    assert result["plugins"][0]["vetoed"] == result["denied"]

    vetoes = json.loads(desk.qe("journal", "vetoes", "--json").stdout)
    said = {(veto["source"], veto["body"]["reason"]) for veto in vetoes}
    assert said == {("desk_sells_only", "not today")}


def test_a_plugin_that_fails_to_import_stops_a_run_that_names_it(desk):
    done = desk.qe("backtest", "run.yaml", "--json", "--set", "plugins.desk_calendar={}")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "error: --set plugins.desk_calendar: plugin 'desk_calendar' (entry point of desk-rules "
        "1.2) cannot be used: ModuleNotFoundError: No module named 'no_such_calendar'"
    )
