"""Strategies on a root are rolled, and the roll itself has no P&L."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import (
    Bar,
    BarType,
    FuturesContract,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins import OrderRequest, Plugin, Rolled, Veto, hookimpl
from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins import PluginManager
from tests.engine import followers
from tests.engine.conftest import CONTRACTS

MINUTE = timedelta(minutes=1)
DAYS = ("2024-03-05T15:01+00:00", "2024-03-06T15:01+00:00")
RISING = {"old": [4750 + n for n in range(10)], "new": [4800 + n for n in range(10)]}
HALF = 5
"""Bars a session: the roll is at the first bar of the second, bar 6."""

FEE, MULTIPLIER, CENT = Decimal("0.57"), Decimal(5), Decimal("0.01")
OLD, NEW = "MESH24.XCME", "MESM24.XCME"


def moments() -> list[int]:
    """Return the closes (UTC ns) of two sessions' bars."""
    starts = [datetime.fromisoformat(day) for day in DAYS]
    return [int((start + n * MINUTE).timestamp()) * 10**9 for start in starts for n in range(HALF)]


def write_tape(
    folder: Path, contract: FuturesContract, old: Sequence[float | None], new: Sequence[float]
) -> Path:
    """Write two contracts' closes; the new one trades more from the first session on.

    A close that is None is a minute without trades.
    """
    folder.mkdir(exist_ok=True)
    catalog = ParquetDataCatalog(str(folder))
    later = FuturesContract(
        instrument_id=InstrumentId.from_str(NEW),
        raw_symbol=Symbol("MESM4"),
        asset_class=contract.asset_class,
        underlying="MES",
        activation_ns=contract.activation_ns,
        expiration_ns=contract.expiration_ns + 98 * 86_400 * 10**9,
        currency=contract.currency,
        price_precision=2,
        price_increment=contract.price_increment,
        multiplier=contract.multiplier,
        lot_size=contract.lot_size,
        ts_event=0,
        ts_init=0,
    )
    catalog.write_instruments([contract, later])
    for name, closes, volume in ((OLD, old, 1_000), (NEW, new, 2_000)):
        kind = BarType.from_str(f"{name}-1-MINUTE-LAST-EXTERNAL")
        size, bars = Quantity.from_int(volume), []
        for close, ts in zip(closes, moments(), strict=False):
            if close is not None:
                price = Price(close, 2)
                bars.append(Bar(kind, price, price, price, price, size, ts, ts))
        catalog.write_bars(bars)
    return folder


Follow = Callable[..., BacktestResult]


@pytest.fixture
def follow(tmp_path: Path, qe_contract: FuturesContract) -> Follow:
    """Return a function that runs a strategy of tests/engine/followers.py on the root MES."""
    numbers = iter(range(1_000))

    def trade(
        trader: str,
        *plugins: Plugin,
        old: Sequence[float | None] = (4750,) * 10,
        new: Sequence[float] = (4800,) * 10,
        positions: Sequence[int] = (),
        entry: dict[str, Any] | None = None,
        **more: Any,
    ) -> BacktestResult:
        folder = write_tape(tmp_path / f"tape-{next(numbers)}", qe_contract, old, new)
        strategy: dict[str, Any] = {
            "path": f"tests.engine.followers:{trader}",
            "instrument": "MES",
            "roll": "volume",
            "config": {"positions": list(positions)} if positions else {},
        }
        config = {
            "name": "a test",
            "data": {"catalog": str(folder)},
            "strategies": {"trader": strategy | (entry or {})},
            "contracts": CONTRACTS,
            "slippage": {"model": "none"},
            **more,
        }
        file = tmp_path / "test.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        named = PluginManager([(type(plugin).__name__, plugin) for plugin in plugins])
        return run(load(file), plugins=named)

    return trade


def test_a_position_is_closed_in_the_old_contract_and_opened_in_the_new_one(follow: Follow) -> None:
    outcome = follow("Scripted", positions=[2])
    assert outcome.fills.select("instrument_id", "side", "quantity", "price").rows() == [
        (OLD, "BUY", 2.0, 4750.0),
        (OLD, "SELL", 2.0, 4750.0),
        (NEW, "BUY", 2.0, 4800.0),
    ]


def test_one_roll_is_journaled_with_its_prices_its_legs_and_both_fees(follow: Follow) -> None:
    outcome = follow("Scripted", positions=[1])
    [roll] = outcome.rolls
    assert roll["prices"] == [4750.0, 4800.0]
    assert [(leg["instrument_id"], leg["side"], leg["fee"]) for leg in roll["legs"]] == [
        (OLD, "SELL", 0.57),
        (NEW, "BUY", 0.57),
    ]
    assert roll["reason"].startswith("volume on 2024-03-05: MESM24")
    [fact] = [fact for fact in outcome.facts if fact.kind is FactKind.ROLL]
    caused = [other.id for other in outcome.facts if other.cause == fact.id]
    assert caused == [f"order:{order}" for order in fact.body["orders"]]


def test_the_strategy_receives_bars_of_the_current_contract_only(follow: Follow) -> None:
    follow("Scripted", **RISING)
    closes = [float(close) for _, close in followers.Scripted.heard]
    assert closes == [4750, 4751, 4752, 4753, 4754, 4805, 4806, 4807, 4808, 4809]


def test_a_strategy_on_aggregated_bars_of_the_front_is_rolled(follow: Follow) -> None:
    outcome = follow("HearsTwoMinutes", **RISING)
    closes = [float(close) for _, close in followers.HearsTwoMinutes.heard]
    assert closes[:2] == [4751, 4753]
    assert closes[-2:] == [4806, 4808]
    assert [roll["outcome"] for roll in outcome.rolls] == ["rolled"]


def test_a_strategy_may_subscribe_to_a_contract_beside_the_front(follow: Follow) -> None:
    follow("HearsTheOldToo", **RISING)
    heard = followers.HearsTheOldToo.heard
    front, old = ([close for n, close in heard if n == name] for name in ("MES.XCME", OLD))
    assert [float(close) for close in front] == [*range(4750, 4755), *range(4805, 4810)]
    assert [float(close) for close in old] == [*range(4750, 4760)]


def test_a_strategy_that_unsubscribes_is_rolled_all_the_same(follow: Follow) -> None:
    outcome = follow("HearsForAWhile")
    assert len(followers.HearsForAWhile.heard) == 3
    assert [roll["outcome"] for roll in outcome.rolls] == ["rolled"]


def test_the_cache_has_the_fronts_bars_the_last_one_first(follow: Follow) -> None:
    follow("Remembers", **RISING)
    heard = followers.Remembers.heard
    assert heard[:2] == [(1, None), (2, "4750.00")]
    assert heard[HALF] == (6, "4754.00")


def test_the_cache_holds_as_many_bars_of_the_front_as_of_any_other(follow: Follow) -> None:
    follow("Remembers", nautilus={"cache": {"bar_capacity": 3}})
    assert [count for count, _ in followers.Remembers.heard] == [1, 2, *[3] * 8]


def test_while_the_front_does_not_trade_the_next_contract_does_not_stand_in(follow: Follow) -> None:
    holes = [4750, 4751, 4752, None, None, *range(4755, 4760)]
    follow("Scripted", old=holes, new=[4800 + n for n in range(10)])
    closes = [float(close) for _, close in followers.Scripted.heard]
    assert closes == [4750, 4751, 4752, 4805, 4806, 4807, 4808, 4809]


def test_a_flat_strategy_has_nothing_to_roll(follow: Follow) -> None:
    assert follow("Scripted", positions=[1, 1, 0]).rolls == []


def test_roll_flat_closes_and_does_not_enter_again(follow: Follow) -> None:
    outcome = follow("Scripted", positions=[1], entry={"roll": "flat"})
    assert outcome.fills["instrument_id"].to_list() == [OLD, OLD]
    assert outcome.rolls[0]["outcome"] == "flat"


def test_a_guardian_may_veto_the_second_leg_and_then_the_roll_only_closes(follow: Follow) -> None:
    class NotTheNew(Plugin):
        @hookimpl
        def veto_order(self, order: OrderRequest) -> Veto | None:
            return Veto("not this one") if order.instrument_id == NEW else None

    outcome = follow("Scripted", NotTheNew(), positions=[1])
    assert outcome.orders.select("instrument_id", "status").rows() == [
        (OLD, "FILLED"),
        (NEW, "DENIED"),
        (OLD, "FILLED"),
    ]
    assert outcome.rolls[0]["outcome"] == "flat"


def test_protective_orders_move_by_the_difference_and_still_cancel_one_another(
    follow: Follow,
) -> None:
    outcome = follow("Protected", new=[*(4800,) * 8, 4860, 4860])
    exits = outcome.orders.filter(outcome.orders["instrument_id"] == NEW).select(
        "type", "price", "trigger", "status"
    )
    assert exits.rows() == [
        ("MARKET", None, None, "FILLED"),
        ("STOP_MARKET", None, 4750.0, "CANCELED"),
        ("LIMIT", 4850.0, None, "FILLED"),
    ]
    heard = [what for what in followers.Protected.heard if not isinstance(what, tuple)]
    assert [type(what) for what in heard[:1]] == [Rolled]
    assert heard[1:] == ["closed", "canceled"]


def test_the_roll_waits_while_a_strategy_order_works_and_no_new_risk_is_allowed(
    follow: Follow,
) -> None:
    outcome = follow("WorksAnEntry")
    [denied] = outcome.orders.filter(outcome.orders["status"] == "DENIED")["reason"].to_list()
    assert denied == f"roll: waits: {OLD} is being rolled to {NEW}"
    [roll] = outcome.rolls
    assert roll["at"] == "2024-03-06T15:04:00+00:00"


@pytest.mark.parametrize("adjust", ["difference", "ratio"])
def test_indicators_are_warm_on_the_level_of_the_new_contract(follow: Follow, adjust: str) -> None:
    follow("Averaging", entry={"adjust": adjust})
    averages = [average for _, _, average in followers.Averaging.heard]
    assert averages[4] == 4750
    assert averages[5:] == [4800] * 5


def test_without_adjustment_indicators_jump(follow: Follow) -> None:
    follow("Averaging", entry={"adjust": "none"})
    assert followers.Averaging.heard[5][2] == 4775


def test_cache_and_portfolio_answer_for_the_contract_that_the_front_stands_for(
    follow: Follow,
) -> None:
    follow("Asks")
    assert followers.Asks.heard[3:6] == [1, True, "0.25"]


def test_the_desk_knows_how_many_sessions_a_contract_may_still_be_held(follow: Follow) -> None:
    follow("AsksTheDesk")
    assert followers.AsksTheDesk.heard[HALF - 1] == (7, 7)  # from 5 March to the 14th
    march, june = followers.AsksTheDesk.heard[HALF][1], followers.AsksTheDesk.heard[HALF][0]
    assert (march, june) == (6, 75)  # of June until 20 June


def test_one_root_is_rolled_by_one_rule(follow: Follow) -> None:
    other = {"path": "tests.engine.followers:Scripted", "instrument": "MES", "roll": "calendar"}
    first = {"path": "tests.engine.followers:Scripted", "instrument": "MES", "roll": "volume"}
    with pytest.raises(ConfigError, match=r"already rolled by volume"):
        follow("Scripted", strategies={"one": first, "two": other})


ticks = st.integers(-40, 40)
walks = st.lists(ticks, min_size=10, max_size=10)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([0, 1, *[0] * 8], [0] * 10, [1, 2, 1])
@given(walks, walks, st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_profit_is_that_of_the_difference_adjusted_series_minus_the_cost_of_the_roll(
    follow: Follow, old: list[int], new: list[int], positions: list[int]
) -> None:
    held = [*positions, *[positions[-1]] * (9 - len(positions)), 0]
    closes = [[Decimal(4750) + Decimal(n) / 4 for n in walk] for walk in (old, new)]
    outcome = follow(
        "Scripted",
        old=[float(p) for p in closes[0]],
        new=[float(p) for p in closes[1]],
        positions=held,
    )
    spread = closes[1][HALF] - closes[0][HALF]
    series = [p + spread for p in closes[0][:HALF]] + closes[1][HALF:]
    moves = sum((b - a) * n for a, b, n in zip(series, series[1:], held, strict=False))
    traded = sum(abs(b - a) for a, b in zip([0, *held], held, strict=False))
    rolled = 2 * abs(held[HALF - 1])
    expected = moves * MULTIPLIER - FEE * (traded + rolled)
    trades = [fact for fact in outcome.facts if fact.kind is FactKind.TRADE]
    assert sum(Decimal(fact.body["pnl"]) for fact in trades) == expected
    gained = outcome.final_balance - outcome.starting_balance
    assert abs(gained - expected) <= CENT * outcome.fills.height  # the engine rounds every fill


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walks, walks, walks)
def test_nothing_before_the_roll_changes_when_the_data_after_it_changes(
    follow: Follow, old: list[int], new: list[int], other: list[int]
) -> None:
    price = [4750 + n / 4 for n in old]
    first = [4750 + n / 4 for n in new]
    second = [*first[:HALF], *(4750 + n / 4 for n in other[HALF:])]
    heard = []
    for tape in (first, second):
        follow("Averaging", old=price, new=tape)
        heard.append(followers.Averaging.heard[:HALF])
    assert heard[0] == heard[1]
