"""Options in a configured backtest: filled at their quotes, paid in cash, exercised at expiry."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import ClassVar

import pytest
from click.testing import CliRunner
from msgspec import structs

from qe_plugins.cli import runs
from qe_plugins.cli.trade_view import SETTLED
from qe_plugins.config.loader import load
from qe_plugins.data.catalog.settlements import Settlement
from qe_plugins.engine.running import build
from qe_plugins.engine.running.backtest import run
from qe_plugins.engine.simulation.option_fixing import OptionFixings
from qe_plugins.engine.simulation.settlement import BASES
from qe_plugins.errors import ConfigError, DataError, QeError
from qe_plugins.market.option_terms import Fixing
from qe_plugins.report import run_folder
from qe_plugins.report.figures.formatting import open_positions_note
from qe_plugins.report.summary import summarize
from tests.command import ROOT
from tests.engine.option_runs import (
    CALL,
    FAR_CALL,
    PUT,
    QUARTERLY_CALL,
    QUARTERLY_EXPIRY,
    QUOTED,
    fills,
    trade,
    write_chain,
)


@pytest.mark.parametrize(("size", "price", "cash"), [(-1, 9.5, 100_473.58), (1, 10.25, 99_486.08)])
def test_a_call_in_the_money_is_exercised_into_its_future_at_the_strike(
    tmp_path, size, price, cash
):
    write_chain()
    outcome = trade(tmp_path, {"option": CALL, "size": size})
    opened, closed, future = fills(outcome)

    assert opened == (f"20:32 {CALL}", size, price, 1.42)
    assert closed == (f"21:00 {CALL}", -size, 0.0, 0.0)
    assert future == ("21:00 ESH26", size, 7_000.0, 0.0)
    assert float(outcome.final_balance) == cash
    assert outcome.account["balance"].to_list() == [100_000.0, cash, cash, cash]


def test_the_report_says_what_became_of_each_option(tmp_path):
    write_chain()
    outcome = trade(tmp_path, {"option": CALL, "size": -1}, {"option": PUT, "size": 2})
    call, put = outcome.settlements
    traded = {one.id: one for one in outcome.data.contracts if one.is_option}

    assert (call["outcome"], call["price"]) == ("assigned into -1 ESH26 at 7,000", "7007.75")
    assert (put["outcome"], put["basis"]) == ("expired worthless", "bar")
    assert set(traded) == {f"{CALL}.XCME", f"{PUT}.XCME"}
    assert traded[f"{CALL}.XCME"].multiplier == 50
    assert outcome.positions.filter(instrument_id=f"{CALL}.XCME")["pnl"].item() == 473.58
    assert any("assigned into -1 ESH26" in line for line in outcome.assumptions)


class PreliminaryFixings(OptionFixings):
    """Fixes every option at a preliminary settlement price, and notes what was read."""

    read: ClassVar[list[str]] = []

    def __init__(self, _tape, bars):
        settled = Settlement(
            contract="ESH26.XCME", price=Decimal(7010), published=0, preliminary=True
        )
        tape = SimpleNamespace(settlements={settled.contract: settled}, series=[])
        super().__init__(tape, bars)
        self.read.clear()

    def price(self, one):
        self.read.append(one.underlying)
        return super().price(structs.replace(one, fixing=Fixing.SETTLEMENT))


def test_a_fixing_is_read_once_a_future_and_a_preliminary_one_is_named_so(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "OptionFixings", PreliminaryFixings)
    write_chain()
    outcome = trade(tmp_path, {"option": CALL, "size": 1}, {"option": PUT, "size": 1})

    assert [one["basis"] for one in outcome.settlements] == ["preliminary"] * 2
    assert PreliminaryFixings.read == ["ESH26"]


def test_a_trade_says_what_became_of_its_option(tmp_path):
    write_chain()
    outcome = trade(tmp_path, {"option": CALL, "size": -1})
    place = run_folder.write(outcome, {}, tmp_path / "run")
    shown = CliRunner().invoke(runs.report, [str(place), "--trade", "last"], catch_exceptions=False)
    [line] = [one for one in shown.output.splitlines() if "ESH26 at" in one]

    assert line.startswith("expiry: assigned into -1 ESH26 at 7,000, its future was fixed at the")
    assert set(SETTLED) == set(BASES)


def test_the_premium_of_an_option_that_is_still_open_is_no_profit(tmp_path):
    write_chain(minutes=10)
    outcome = trade(tmp_path, {"option": CALL, "size": -1})
    figures = summarize(outcome, tmp_path)

    assert (outcome.final_balance, outcome.open_premium) == (Decimal("100473.58"), -475)
    assert (figures["net_pnl"], figures["open_premium"]) == (-1.42, -475)
    assert figures["final_equity"] == 100_473.58 - 9.875 * 50  # the middle of 9.5 and 10.25
    assert open_positions_note(figures) == (
        "Still open: 1 contract, open P&L -18.75 USD (in Return, not in Net P&L); "
        "475.00 USD received for open options is in the balance alone"
    )


def test_a_quarterly_call_is_exercised_into_the_future_that_settles_with_it(tmp_path):
    write_chain(7_010.0, {QUARTERLY_CALL: (11.0, 12.0, 5, 5)}, expiry=QUARTERLY_EXPIRY, minutes=30)
    outcome = trade(tmp_path, {"option": QUARTERLY_CALL, "size": -1})

    assert [one[:3] for one in fills(outcome)] == [
        (f"13:02 {QUARTERLY_CALL}", -1, 11.0),
        (f"13:29 {QUARTERLY_CALL}", 1, 0.0),  # two nanoseconds before the future settles
        ("13:29 ESH26", -1, 7_000.0),
        ("13:30 ESH26", 1, 7_010.0),
    ]
    assert len(outcome.settlements) == 2


@pytest.mark.parametrize("ends", [6_950.0, 7_010.5, 7_200.0])
def test_a_spread_loses_at_most_its_width_less_its_credit(tmp_path, ends):
    write_chain(prices={0: 7_007.75, 20: ends})
    outcome = trade(
        tmp_path,
        {"option": CALL, "size": -1},
        {"option": FAR_CALL, "size": 1},
        more="margin: {on_breach: ignore}\n",
    )
    credit, paid_out = 9.5 - 2.25, min(max(ends - 7_000, 0), 20)
    still_open = -1 if 7_000 < ends < 7_020 else 0
    value = still_open * (ends - 7_000) * 50

    assert float(outcome.final_balance) - 100_000 + 2 * 1.42 + value == pytest.approx(
        (credit - paid_out) * 50
    )


def test_an_order_takes_what_is_quoted_and_never_more(tmp_path):
    write_chain(later={4: {CALL: (9.5, 10.0, 5, 9)}})
    outcome = trade(
        tmp_path,
        {"option": CALL, "size": 3},
        {"option": CALL, "size": 3},
        {"option": CALL, "size": 3},
        {"at": 3, "option": CALL, "size": 6, "limit": "10.00"},
        more="nautilus: {venue: {starting_balances: [9_000_000 USD]}}\n",
    )
    orders = outcome.orders.select("status", "filled").rows()

    assert [one[:3] for one in fills(outcome)][:3] == [
        (f"20:32 {CALL}", 3, 10.25),
        (f"20:32 {CALL}", 1, 10.25),
        (f"20:34 {CALL}", 6, 10.0),
    ]
    assert orders[:4] == [("FILLED", 3), ("CANCELED", 1), ("CANCELED", 0), ("FILLED", 6)]


def test_a_side_without_a_quote_fills_nothing(tmp_path):
    write_chain(quotes=QUOTED | {CALL: (None, 0.05, 0, 9)})
    outcome = trade(tmp_path, {"option": CALL, "size": -1})

    assert fills(outcome) == []


@pytest.mark.parametrize("quote", [(10.5, 10.25, 5, 4), (11.0, None, 5, 0)])
def test_a_crossed_quote_or_one_without_an_ask_ends_the_offer_before_it(tmp_path, quote):
    write_chain(later={3: {CALL: quote}})
    outcome = trade(tmp_path, {"option": PUT, "size": 1}, {"at": 4, "option": CALL, "size": 1})

    assert [one[0] for one in fills(outcome)] == [f"20:32 {PUT}", f"21:00 {PUT}"]


def test_a_stop_in_an_option_ends_the_run(tmp_path):
    write_chain()
    config = tmp_path / "stop.yaml"
    trade(tmp_path, {"option": PUT, "size": 1})
    text = (tmp_path / "options.yaml").read_text()
    config.write_text(text.replace("option_runs:Steps", "option_runs:StopSteps"))

    with pytest.raises(QeError, match="it takes market and limit orders"):
        run(load(config))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("{root: ES, products: [EW3]}", "passes the filters"),
        ("{root: ES, symbols: [EW2F26 C7001]}", "no option 'EW2F26 C7001' is stored"),
        ("{root: MES}", "no option chain of MES is stored"),
    ],
)
def test_filters_that_leave_no_option_are_refused(tmp_path, options, why):
    write_chain()
    with pytest.raises(DataError, match=why):
        trade(tmp_path, {"option": CALL, "size": 1}, options=options)


def test_rules_that_ignore_the_quoted_size_are_refused(tmp_path):
    write_chain()
    with pytest.raises(ConfigError, match="options fill at their quotes"):
        trade(
            tmp_path,
            {"option": CALL, "size": 1},
            more="fills: {rules: nautilus}\nslippage: {model: none}\n",
        )


def test_the_real_call_of_2026_is_assigned_from_bars_alone(shared_data, tmp_path):
    from qe_plugins.data.options.store import read_source, store

    store(read_source(shared_data / "databento/nautilus/options_exercise", "ES"))
    outcome = trade(tmp_path, {"option": CALL, "size": -1})

    assert fills(outcome) == [
        (f"20:57 {CALL}", -1, 7.25, 1.42),
        (f"21:00 {CALL}", 1, 0.0, 0.0),
        ("21:00 ESH26", -1, 7_000.0, 0.0),
    ]
    assert float(outcome.final_balance) == 100_361.08


def test_generated_chains_trade_on_generated_futures():
    file = ROOT / "configs/backtest/option_legs.yaml"
    outcome = run(load(file, ("data.synthetic.sessions=2",)))

    assert fills(outcome) == [
        ("21:00 EW2F24 P4700", -1, 47.75, 1.42),
        ("21:00 EW2F24 P4650", 1, 36.75, 1.42),
        ("21:00 EW2F24 C4850", -1, 7.5, 1.42),
        ("21:00 EW2F24 C4900", 1, 3.25, 1.42),
    ]
    assert "generated options" in outcome.data.label
