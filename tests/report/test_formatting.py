"""Figures as people write them."""

from __future__ import annotations

import pytest

from qe_plugins.report.figures import formatting
from qe_plugins.report.summary import summarize
from tests.report.fake import bare


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("net_pnl", -1234.5, "-1,234.50"),
        ("net_pnl", -0.001, "0.00"),
        ("total_return", 0.1234, "12.34%"),
        ("max_drawdown", -0.00001, "0.00%"),
        ("sharpe", 1.005, "1.00"),
        ("trades", 15_000, "15,000"),
        ("sharpe", None, "–"),
    ],
)
def test_a_figure_is_written_in_its_unit(key, value, told):
    assert formatting.format_value(key, value) == told


def test_money_names_its_currency():
    assert formatting.with_unit("fees", {"fees": 2.5, "currency": "USD"}) == "2.50 USD"
    assert formatting.with_unit("slippage", {"slippage": None, "currency": "USD"}) == "–"


def test_every_number_in_a_summary_can_be_written(tmp_path):
    told = {"currency", "returns", "reconciles", "seconds", "plugins", "fills_sha256"}
    told |= {"capacity", "rolls", "settlements", "assumptions", "benchmark"}
    told |= {
        "inputs",
        "by_contamination",
        "coverage",
        "failures",
        "refused_by",
        "engine",
        "catalog",
        "bar_spec",
    }
    identity = "run_id mode run_dir name started data_source data_label instruments start end"
    figures = summarize(bare(tmp_path), tmp_path)
    assert set(figures) - told - set(identity.split()) <= set(formatting.FORMATTERS)


@pytest.mark.parametrize(
    ("bases", "told"),
    [
        ([], ""),
        (["settlement", "preliminary"], "Settled at expiry 2"),
        (
            ["settlement", "bar"],
            "Settled at expiry 2, 1 of them at the last bar's close, without a settlement price",
        ),
    ],
)
def test_what_was_settled_is_counted(bases, told):
    settlements = [{"basis": basis} for basis in bases]
    assert formatting.settlements_note({"settlements": settlements}) == told


def test_a_run_from_before_settlements_says_nothing_of_them():
    assert formatting.settlements_note({}) == ""


def test_what_is_open_at_the_end_is_in_one_figure_and_not_the_other():
    figures = {"open_contracts": 1.0, "final_equity": 102_050.0, "starting_balance": 99_000.0}
    figures["net_pnl"] = 1_000.0
    said = formatting.open_positions_note({**figures, "currency": "USD"})
    assert said == "Still open: 1 contract, open P&L 2,050.00 USD (in Return, not in Net P&L)"
    assert formatting.open_positions_note({**figures, "open_contracts": 0.0}) == ""
