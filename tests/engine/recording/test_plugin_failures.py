"""Exceptions of a plugin are counted, named with their line, and limited in number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins import Plugin, Signal, Veto, hookimpl
from qe_plugins.cli import backtest
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.errors import PluginFailures
from qe_plugins.journal.facts import FactKind
from qe_plugins.report import run_folder

Run = Callable[..., BacktestResult]
HERE = "tests/engine/recording/test_plugin_failures.py"


class Broken(Plugin):
    @hookimpl
    def contribute_signals(self, bar: object) -> Signal:
        raise ZeroDivisionError("no such average")


class BrokenGuardian(Plugin):
    @hookimpl
    def veto_order(self, order: object) -> Veto:
        raise LookupError("no such limit")


class Refuses(Plugin):
    @hookimpl
    def veto_order(self, order: object) -> Veto:
        return Veto("not today")


def failures(outcome: BacktestResult) -> list[tuple[str, str, int]]:
    facts = [fact for fact in outcome.facts if fact.kind is FactKind.FAILURE]
    return [(fact.source, fact.body["hook"], fact.body["count"]) for fact in facts]


def test_equal_failures_are_one_fact_with_a_count_and_a_line(trade: Run) -> None:
    outcome = trade("BuysAtMarket", Broken())
    assert failures(outcome) == [("Broken", "contribute_signals", 10)]
    [fact] = [fact for fact in outcome.facts if fact.kind is FactKind.FAILURE]
    assert fact.body["where"].startswith(f"{HERE}:")
    assert fact.body["error"] == "ZeroDivisionError: no such average"


def test_a_guardian_that_raises_is_a_failure_beside_its_veto(trade: Run) -> None:
    outcome = trade("BuysAtMarket", BrokenGuardian())
    assert failures(outcome) == [("BrokenGuardian", "veto_order", 1)]
    assert outcome.vetoes.height == 1


@pytest.mark.parametrize(("most", "ends"), [(9, True), (10, False), (0, True)])
def test_more_failures_than_allowed_end_the_run(trade: Run, most: int, ends: bool) -> None:
    settings = {"plugins": {"max_failures": most}}
    if not ends:
        assert failures(trade("BuysAtMarket", Broken(), **settings))[0][2] == 10
        return
    with pytest.raises(PluginFailures, match=f"max_failures is {most}") as caught:
        trade("BuysAtMarket", Broken(), **settings)
    assert caught.value.exit_code == 1
    assert 'raise ZeroDivisionError("no such average")' in caught.value.details


def test_the_report_and_the_last_lines_name_a_failure(
    trade: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = run_folder.write(trade("BuysAtMarket", Broken()), {}, tmp_path / "run")
    backtest.print_run(place, as_json=False)
    last = capsys.readouterr().out.splitlines()[-8:]
    assert "Traceback (most recent call last):" in last
    line = f"Broken failed 10 times in contribute_signals, first at {HERE}:"
    assert last[-2].startswith(line)
    assert line in (place / "report.html").read_text()


def test_a_run_in_which_every_order_was_denied_names_who_denied_them(
    trade: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = run_folder.write(trade("BuysAtMarket", Refuses()), {}, tmp_path / "run")
    backtest.print_run(place, as_json=False)
    said = "Every order was denied, 1 in all: Refuses (1)."
    assert capsys.readouterr().out.splitlines()[-1] == said
    assert said in (place / "report.html").read_text()


def test_a_run_with_a_fill_does_not_name_who_denied_orders(trade: Run, tmp_path: Path) -> None:
    figures = run_folder.result(run_folder.write(trade("BuysAtMarket"), {}, tmp_path / "run"))
    assert (figures["refused_by"], figures["failures"]) == ({}, [])
