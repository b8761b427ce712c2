"""The fixtures that plugin authors get from pytest's plugin `quant-engine`."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from qe_plugins import OrderRequest, Plugin, Side, Signal, Trade, Veto, hookimpl
from qe_plugins.errors import HookError


class SmallOnly(Plugin):
    @hookimpl
    def veto_order(self, order):
        if order.quantity > 1:
            return Veto(f"one contract at a time, was {order.quantity}")
        return None


class NeverLong(Plugin):
    @hookimpl
    def veto_order(self, order):
        return Veto("no longs") if order.side == "BUY" else None


def test_a_contract_is_a_micro_with_five_dollars_a_point(qe_contract):
    assert str(qe_contract.id) == "MESH24.XCME"
    assert qe_contract.multiplier.as_decimal() == 5
    assert qe_contract.price_increment.as_decimal() == Decimal("0.25")


def test_a_bar_reaches_no_further_than_its_open_and_close(qe_bar):
    bar = qe_bar(4755, open=4750)

    assert (str(bar.open), str(bar.high)) == ("4750.00", "4755.00")
    assert (str(bar.low), str(bar.close)) == ("4750.00", "4755.00")


def test_a_bar_takes_what_it_is_told(qe_bar, qe_contract):
    bar = qe_bar("4750.25", high=4760, low="4740.5", volume=7, at="2024-01-03T15:00:01.5+00:00")

    assert (str(bar.high), str(bar.low), str(bar.volume)) == ("4760.00", "4740.50", "7")
    assert bar.ts_event == 1_704_294_001_500_000_000
    assert bar.bar_type.instrument_id == qe_contract.id


def test_a_bars_time_is_utc_unless_it_names_a_zone(qe_bar):
    assert qe_bar(at="2024-01-03 15:00").ts_event == qe_bar(at="2024-01-03 09:00-06:00").ts_event


def test_a_signal_is_long_unless_told_otherwise(qe_signal):
    assert qe_signal().side is Side.LONG
    assert isinstance(qe_signal(side="SHORT"), Signal)


def test_a_signal_knows_how_far_its_stop_is(qe_signal):
    assert qe_signal(entry="4750", stop="4745.50").stop_distance == Decimal("4.50")


def test_a_signal_beyond_certainty_is_refused(qe_signal):
    with pytest.raises(msgspec.ValidationError, match=r"between 0 and 1, was 1\.5"):
        qe_signal(confidence=1.5)


def test_an_order_is_one_contract_unless_told_otherwise(qe_order):
    assert qe_order().quantity == 1
    assert isinstance(qe_order(quantity=2, stop_trigger="4745.25"), OrderRequest)


def test_an_order_would_hold_what_it_asks_for(qe_order):
    assert qe_order(quantity=2).worst_case_position == 2
    assert qe_order(quantity=2, worst_case_position=5).worst_case_position == 5


def test_a_trade_is_a_small_win_unless_told_otherwise(qe_trade):
    assert qe_trade().pnl == Decimal("8.76")
    assert isinstance(qe_trade(pnl="-12.50"), Trade)


def test_a_misspelt_field_is_refused(qe_order):
    with pytest.raises(TypeError, match=r"no field 'quantitty'\. Did you mean 'quantity'\?"):
        qe_order(quantitty=2)


def test_a_plugin_answers_with_only_the_arguments_it_names(qe_plugins, qe_order):
    [answer] = qe_plugins(SmallOnly()).call("veto_order", order=qe_order(quantity=2))

    assert answer.plugin == "SmallOnly"
    assert answer.value == Veto("one contract at a time, was 2")


def test_plugins_answer_in_the_order_they_were_given(qe_plugins, qe_order):
    answers = qe_plugins(NeverLong(), SmallOnly()).call("veto_order", order=qe_order(quantity=2))

    assert [answer.plugin for answer in answers] == ["NeverLong", "SmallOnly"]


def test_two_plugins_of_one_class_are_told_apart(qe_plugins, qe_order):
    answers = qe_plugins(SmallOnly(), SmallOnly()).call("veto_order", order=qe_order())

    assert [answer.plugin for answer in answers] == ["SmallOnly", "SmallOnly_2"]


def test_a_plugin_that_breaks_a_hook_is_refused(qe_plugins):
    class Misspelt(Plugin):
        @hookimpl
        def veto_order(self, ordr):
            return None

    with pytest.raises(HookError, match=r"unknown argument 'ordr'\. Did you mean 'order'\?"):
        qe_plugins(Misspelt())


def test_loading_the_fixtures_loads_no_engine():
    heavy = "{'nautilus_trader', 'pandas', 'polars', 'databento'} & set(sys.modules)"
    code = f"import sys, qe_plugins.testing; sys.exit(', '.join({heavy}) or 0)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_pytest_finds_a_projects_agents(tmp_path: Path):
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").touch()
    (tmp_path / "agents" / "guardian_no.py").write_text("ANSWER = 'no'\n")
    test = tmp_path / "test_no.py"
    test.write_text("from agents.guardian_no import ANSWER\ndef test_no(): assert ANSWER == 'no'\n")

    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test.name]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
