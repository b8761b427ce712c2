"""The page as text: everything a user wrote is escaped, nothing unknown is shown as a figure."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from decimal import Decimal

import polars as pl
import pytest

from qe_plugins.report import tearsheet
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.report.fake import HOSTILE, RESOLVED, bare, busy, frame


def render(outcome) -> str:
    ledger = AccountHistory.of(outcome)
    return tearsheet.render(outcome, ledger, summarize(outcome, outcome.catalog, ledger), RESOLVED)


def body(page: str) -> str:
    return page[page.index("<main>") : page.index("</main>")]


@pytest.fixture
def outcome(tmp_path):
    return busy(tmp_path, sessions=6, trades=40)


def test_what_a_user_wrote_is_never_markup(tmp_path):
    hostile = bare(tmp_path, name=HOSTILE, run_id=HOSTILE, assumptions=[HOSTILE])
    page = render(hostile)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in body(page)


def test_the_charts_data_reads_back_as_json(outcome):
    page = render(outcome)
    drawn = json.loads(re.search(r'id="drawn">(.*?)</script>', page, re.S)[1])
    assert len(drawn["prices"][0]["trades"]["opened"]) == 40


def test_a_page_asks_for_nothing_from_elsewhere(outcome):
    page = render(outcome)
    assert page.count("plotly.js v") == 1
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', page)


def test_the_page_says_what_feeds_the_ratios_and_what_fills_assume(outcome):
    text = html.unescape(body(render(outcome)))
    assert "marked to market at each Chicago session's last mark" in text
    assert all(line in text for line in outcome.assumptions)


def test_books_that_do_not_agree_are_shown_in_red(tmp_path):
    text = body(render(bare(tmp_path, final_balance=Decimal(99_000))))
    assert "the engine's balance is 99,000.00 USD" in text


def test_an_open_trade_is_listed_as_open(tmp_path):
    row = ("P", "MESH24.XCME", "s", "LONG", 1.0, 4700.0, None, 0, None, -0.57, 0.57)
    outcome = bare(tmp_path, positions=frame("positions", [(*row, None, None, None)]))
    text = body(render(outcome))
    assert "<td>open</td>" in text
    assert "MFE and MAE" not in text


def test_excursions_are_shown_where_they_were_watched(outcome):
    assert "MFE and MAE" in body(render(outcome))


def test_the_same_run_makes_the_same_page(outcome):
    assert render(outcome) == render(outcome)


def test_rows_out_of_order_make_the_same_tables(outcome):
    turned = dataclasses.replace(
        outcome, vetoes=outcome.vetoes.reverse(), positions=outcome.positions.sort(pl.col("pnl"))
    )
    assert body(render(turned)) == body(render(outcome))


def test_pnl_is_split_by_what_models_may_have_known_and_says_what_is_no_evidence(outcome):
    history = AccountHistory.of(outcome)
    figures = summarize(outcome, outcome.catalog, history)
    split = {
        "clean": {"trades": 3, "net_pnl": -50.0},
        "contaminated": {"trades": 1, "net_pnl": 100.0},
        "none": {"trades": 2, "net_pnl": 0.0},
    }
    page = tearsheet.render(outcome, history, figures | {"by_contamination": split}, RESOLVED)
    section = re.search(r'<section id="contamination">(.*?)</section>', body(page), re.S)[1]
    heights = re.findall(r'<rect class="bar"[^>]+ height="([\d.]+)"', section)

    assert [float(one) for one in heights] == [60.0, 120.0, 0.0]
    assert section.count(">no evidence<") == 1
    assert 'id="contamination"' not in body(render(outcome))


def test_the_page_names_strategy_parameters_and_every_setting(outcome):
    text = html.unescape(body(render(outcome)))
    assert "<dt>Strategy</dt><dd>ema_cross</dd>" in text
    assert "fast: 10, slow: 30" in text
    assert "seed: 7" in text


def test_what_a_configuration_says_is_never_markup(tmp_path):
    run = bare(tmp_path)
    resolved = {"strategies": {HOSTILE: {"note": HOSTILE}}}
    page = tearsheet.render(run, AccountHistory.of(run), summarize(run, tmp_path), resolved)
    assert "<script>alert" not in page


def test_groups_of_trades_add_up_to_all_trades(outcome):
    section = re.search(r'<section id="breakdown">(.*?)</section>', body(render(outcome)), re.S)[1]
    tables = re.findall(r"<tbody>(.*?)</tbody>", section, re.S)
    counts = [
        sum(int(row) for row in re.findall(r"</td><td>(\d+)</td>", table)) for table in tables
    ]
    assert counts == [40] * 6
