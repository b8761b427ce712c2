"""The rung limits every strategy at the gate, whatever sized the order; reducing orders pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import OrderSide, Price, Quantity

from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Rung
from tests.engine.risk.test_veto import SLICER
from tests.engine.traders import MES, SELL, Trader

Trade = Callable[..., BacktestResult]
ROOMY: dict[str, Any] = {"risk": 1_000_000}


def statuses(outcome: BacktestResult) -> list[str]:
    return outcome.orders["status"].to_list()


def reasons(outcome: BacktestResult) -> list[str]:
    return outcome.orders["reason"].drop_nulls().unique(maintain_order=True).to_list()


@pytest.mark.parametrize(
    "trader",
    [
        "BuysAtMarket", "SellsAtMarket", "BuysThroughSuper", "BuysAtLimit", "BuysEmulated",
        "BuysABracket", "StopsInAtBar3", "BuysFromATimer", "BuysByAlgorithm",
    ],
)  # fmt: skip
def test_a_rung_of_no_contracts_lets_no_order_add_risk(trade: Trade, trader: str) -> None:
    outcome = trade(trader, rung={"name": "off", "max_contracts": 0, **ROOMY}, **SLICER)
    assert set(statuses(outcome)) == {"DENIED"}
    assert outcome.fills.is_empty()
    [reason] = reasons(outcome)
    assert reason.startswith("rung: rung off allows 0 held and working, this would make ")


def test_without_a_rung_no_order_is_limited_by_one(trade: Trade) -> None:
    assert statuses(trade("BuysTwiceAtLimit")) == ["ACCEPTED", "ACCEPTED"]


def test_a_rung_that_is_not_enforced_leaves_orders_alone(trade: Trade) -> None:
    rung = {"name": "1 MES", "enforced": False}
    assert statuses(trade("BuysTwiceAtLimit", rung=rung)) == ["ACCEPTED", "ACCEPTED"]


def test_what_works_counts_with_what_is_held(trade: Trade) -> None:
    outcome = trade("BuysTwiceAtLimit", rung={"name": "1 MES", **ROOMY})
    assert statuses(outcome) == ["ACCEPTED", "DENIED"]
    reason = "rung 1 MES allows 1 held and working, this would make 2"
    assert reasons(outcome) == [f"rung: {reason}"]
    assert outcome.vetoes.select("plugin", "reason").rows() == [("rung", reason)]
    assert [f.body["plugin"] for f in outcome.facts if f.kind is FactKind.VETO] == ["rung"]


def test_a_position_may_be_turned_within_the_rung(trade: Trade) -> None:
    outcome = trade("BuysThenReverses", rung={"name": "1 MES", **ROOMY})
    assert statuses(outcome) == ["FILLED", "FILLED"]


def test_a_modification_that_grows_an_order_past_the_rung_is_refused(trade: Trade) -> None:
    outcome = trade("GrowsALimit", rung={"name": "2 MES", "max_contracts": 2, **ROOMY})
    assert outcome.orders.select("status", "quantity").row(0) == ("ACCEPTED", 1.0)
    assert outcome.vetoes["plugin"].to_list() == ["rung"]


@pytest.mark.parametrize(
    "trader", ["BuysThenSells", "BuysThenClosesAll", "ProtectsWithOco", "BuysAtBar1AndStops"]
)
def test_what_only_reduces_passes(trade: Trade, trader: str) -> None:
    outcome = trade(trader, rung={"name": "1 MES"})
    assert "DENIED" not in statuses(outcome)


@pytest.mark.parametrize(("risk", "status"), [(50, "FILLED"), (49.99, "DENIED")])
def test_a_bracket_may_lose_the_rungs_dollars_at_its_stop_and_no_more(
    trade: Trade, risk: float, status: str
) -> None:
    """Ten points of MES, at 5 USD each, below the close."""
    outcome = trade("BuysABracket", rung={"name": "1 MES", "risk": risk})
    assert statuses(outcome)[0] == status
    if status == "DENIED":
        reason = "rung: rung 1 MES risks 49.99 USD, the stops would lose 50.00"
        assert reasons(outcome) == [reason]


class AddsABracket(Trader):
    """A bracket of one, then another of one while the first is held."""

    def bar_1(self) -> None:
        self.submit_order_list(self.bracket())

    def bar_3(self) -> None:
        self.submit_order_list(self.bracket())

    def bracket(self) -> Any:
        return self.order_factory.bracket(
            MES,
            OrderSide.BUY,
            Quantity.from_int(1),
            tp_price=Price.from_str("4760.00"),
            sl_trigger_price=Price.from_str("4740.00"),
        )


@pytest.mark.parametrize(("risk", "filled"), [("101.25", 2), ("101.24", 1)])
def test_the_stops_of_what_is_held_count(trade: Trade, risk: str, filled: int) -> None:
    """The first contract was bought a tick above the close, and loses 51.25 at its stop."""
    strategies = {"adds": {"path": f"{__name__}:AddsABracket"}}
    rung = {"name": "2 MES", "max_contracts": 2, "risk": risk}
    outcome = trade(None, strategies=strategies, rung=rung)
    assert outcome.fills.height == filled


def test_each_strategy_has_the_rung_to_itself(trade: Trade) -> None:
    path = {"path": "tests.engine.traders:BuysAtMarket"}
    outcome = trade(None, strategies={"one": path, "two": path}, rung={"name": "1 MES"})
    assert statuses(outcome) == ["FILLED", "FILLED"]


class Random(Trader):
    """At bar n sends what `plan[n]` says: a kind of order, a side, and contracts."""

    plan: tuple[tuple[str, str, int], ...] = ()

    def on_bar(self, bar: Any) -> None:
        self.bars += 1
        if self.bars > len(self.plan):
            return
        kind, side, size = self.plan[self.bars - 1]
        contracts = Quantity.from_int(size)
        order_side = {"BUY": OrderSide.BUY, "SELL": SELL}[side]
        up = 1 if side == "BUY" else -1
        close = bar.close.as_decimal()
        price = Price.from_decimal_dp(close - up, 2)
        beyond = Price.from_decimal_dp(close + up, 2)
        make = self.order_factory
        match kind:
            case "market":
                self.submit_order(make.market(MES, order_side, contracts))
            case "limit":
                self.submit_order(make.limit(MES, order_side, contracts, price))
            case "stop":
                self.submit_order(make.stop_market(MES, order_side, contracts, beyond))
            case "stop_limit":
                self.submit_order(make.stop_limit(MES, order_side, contracts, beyond, beyond))
            case "bracket":
                stop = Price.from_decimal_dp(close - 2 * up, 2)
                target = Price.from_decimal_dp(close + 2 * up, 2)
                self.submit_order_list(
                    make.bracket(MES, order_side, contracts, tp_price=target, sl_trigger_price=stop)
                )
            case "cancel":
                self.cancel_all_orders(MES)
            case "close":
                self.close_all_positions(MES)


kinds = st.sampled_from(["market", "limit", "stop", "stop_limit", "bracket", "cancel", "close"])
steps = st.tuples(kinds, st.sampled_from(["BUY", "SELL"]), st.integers(1, 4))
walks = st.lists(st.integers(-8, 8), min_size=20, max_size=20)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(steps, min_size=1, max_size=16), walks, st.integers(0, 3))
def test_position_and_working_orders_never_exceed_the_rung(
    tmp_path_factory: pytest.TempPathFactory,
    qe_contract: Any,
    qe_bar: Any,
    plan: list[tuple[str, str, int]],
    walk: list[int],
    most: int,
) -> None:
    Random.plan = tuple(plan)
    closes = [4750 + sum(walk[: n + 1]) / 4 for n in range(len(walk))]
    outcome = run_on(tmp_path_factory.mktemp("rung"), qe_contract, qe_bar, closes, most)
    held = 0.0
    for side, size in outcome.fills.select("side", "quantity").iter_rows():
        held += size if side == "BUY" else -size
        assert abs(held) <= most


def run_on(folder: Path, contract: Any, bar: Any, closes: list[float], most: int) -> BacktestResult:
    """Run `Random` on minutes of MES with a rung of `most` contracts."""
    from nautilus_trader.persistence import ParquetDataCatalog

    from qe_plugins.engine.running.backtest import run
    from qe_plugins.plugins import PluginManager
    from tests.engine.conftest import CONTRACTS, MINUTES

    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([contract])
    opens = [closes[0], *closes]
    catalog.write_bars(
        [
            bar(close, open=first, high=max(close, first) + 0.5, low=min(close, first) - 0.5, at=at)
            for close, first, at in zip(closes, opens, MINUTES, strict=False)
        ]
    )
    config = {
        "name": "a rung",
        "data": {"catalog": str(folder)},
        "strategies": {"random": {"path": f"{__name__}:Random"}},
        "contracts": CONTRACTS,
        "rung": {"max_contracts": most, **ROOMY},
    }
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(config))
    return run(load(file), plugins=PluginManager([]))


@pytest.mark.parametrize(
    ("rung", "says"),
    [
        ({"name": "1 ES"}, r"rung 1 ES holds ES, the data has MES\."),
        ({"root": "ES"}, r"the rung holds ES, the data has MES\."),
        ({"name": "1 MES"}, r"rung 1 MES allows 1 contracts, was 3\."),
        ({"name": "1 MES", "root": "ES"}, "root must be MES as in the name, was ES"),
    ],
)
def test_check_refuses_what_the_rung_cannot_hold(
    settings: Callable[..., Loaded], rung: dict[str, Any], says: str
) -> None:
    cross = {"ema_cross": {"instrument_id": "MESH24.XCME", "contracts": 3}}
    with pytest.raises(ConfigError, match=says):
        prepare(settings(None, strategies=cross, rung=rung))


@pytest.mark.parametrize("rung", [{}, {"name": "5 MES", "max_contracts": 5}, {"max_contracts": 0}])
def test_check_lets_pass_what_it_can_hold_and_what_is_off(
    settings: Callable[..., Loaded], rung: dict[str, Any]
) -> None:
    cross = {"ema_cross": {"instrument_id": "MESH24.XCME", "contracts": 3}}
    more = {"rung": rung} if rung else {}
    prepare(settings(None, strategies=cross, **more))


@pytest.mark.parametrize(
    ("name", "root"), [("1 MES", "MES"), ("5 ES", "ES"), ("backtest", None), ("", None)]
)
def test_a_name_with_a_root_says_what_the_rung_holds(name: str, root: str | None) -> None:
    assert Rung(name=name).root == root


@pytest.mark.parametrize("rung", [None, {"name": "5 ES", "max_contracts": 5}, {"risk": 5}])
def test_a_resolved_file_has_the_same_rung(
    settings: Callable[..., Loaded], tmp_path: Path, rung: dict[str, Any] | None
) -> None:
    loaded = settings("BuysAtMarket", rung=rung)
    file = tmp_path / "resolved.yaml"
    file.write_text(yaml.safe_dump(loaded.resolved))
    assert load(file).config.rung == loaded.config.rung
    assert loaded.config.rung.enforced is (rung is not None)


class LeavesExits(Trader):
    """Works a stop and a target that do not know of one another, closes, and enters again."""

    def bar_1(self) -> None:
        self.submit_order(self.market(OrderSide.BUY))

    def bar_2(self) -> None:
        stop = Price.from_str("4740.00")
        self.submit_order(self.order_factory.stop_market(MES, SELL, Quantity.from_int(1), stop))
        self.submit_order(self.limit(SELL, "4760.00"))

    def bar_3(self) -> None:
        self.submit_order(self.market(SELL))


def test_what_rests_may_not_come_to_more_than_the_rung_once_the_position_is_closed(
    trade: Trade,
) -> None:
    strategies = {"leaves": {"path": f"{__name__}:LeavesExits"}}
    outcome = trade(None, strategies=strategies, rung={"name": "1 MES"})
    assert statuses(outcome) == ["FILLED", "ACCEPTED", "DENIED", "FILLED"]
    assert reasons(outcome) == ["rung: rung 1 MES allows 1 held and working, this would make 2"]
