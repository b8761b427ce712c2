"""The result of a session, from the facts of its run in the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import OrderType

from qe_plugins.engine.accounting.session_booking import fill_of
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, build_trade
from qe_plugins.engine.recording.fact_forms import decimal_or_none, order_of
from qe_plugins.engine.recording.recorder import Recorder
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Signal

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.booking import Key

WORKING = "WORKING"
"""The status of an order without an outcome."""


@dataclass
class JournalledOrder:
    """An order as its facts describe it, with the names that an order of the engine has."""

    ts_init: int
    client_order_id: Any
    strategy_id: Any
    instrument_id: str
    side: Any
    order_type: Any
    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    status: Any
    last_event: Any
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled_qty(self) -> Decimal:
        """Return the contracts filled."""
        return sum((abs(one.quantity) for one in self.fills), Decimal(0))

    @property
    def avg_px(self) -> Decimal | None:
        """Return the average price of the fills in points, None without any."""
        if not self.fills:
            return None
        value = sum((abs(one.quantity) * one.price for one in self.fills), Decimal(0))
        return value / self.filled_qty


def read_run(
    facts: Sequence[Fact], multipliers: Mapping[str, Decimal]
) -> tuple[Recorder, list[JournalledOrder]]:
    """Return a session's facts as the recorder of a backtest would have them, and its orders.

    `multipliers` are by contract, in currency a point.
    """
    recorder = Recorder()
    orders: dict[str, JournalledOrder] = {}
    trades: defaultdict[Key, OpenTrade | None] = defaultdict(lambda: None)
    for fact in facts:
        match fact.kind:
            case FactKind.VOTE | FactKind.SIGNAL:
                _take_signal(recorder, fact)
            case FactKind.SNAPSHOT:
                _extend(trades, fact)
            case FactKind.ORDER:
                _take_order(orders, fact)
            case FactKind.OUTCOME:
                _take_outcome(orders, fact)
            case FactKind.FILL if not fact.body.get("synthetic"):
                _take_fill(recorder, orders, trades, multipliers, fill_of(fact))
            case FactKind.VETO | FactKind.CLOSING | FactKind.ROLL | FactKind.SIZE:
                recorder.facts.append(fact)
    return recorder, list(orders.values())


def _take_signal(recorder: Recorder, fact: Fact) -> None:
    body = dict(fact.body)
    votes = body.pop("votes", None)
    known = {name: body[name] for name in Signal.__struct_fields__ if name in body}
    signal = msgspec.convert(
        known | {"id": fact.id, "source": fact.source, "ts_event": fact.ts_event},
        Signal,
        strict=False,
    )
    recorder.signals[fact.id] = signal
    if votes is not None:
        recorder.consolidated[fact.id] = [
            recorder.signals[name] for name in votes if name in recorder.signals
        ]


def _extend(trades: Mapping[Key, OpenTrade | None], fact: Fact) -> None:
    for (_, contract), trade in trades.items():
        if contract == fact.source and trade is not None and trade.net:
            trade.extend_range(float(fact.body["high"]), float(fact.body["low"]))


def _take_order(orders: dict[str, JournalledOrder], fact: Fact) -> None:
    name, change = order_of(fact)
    price, trigger = (decimal_or_none(fact.body.get(key)) for key in ("price", "trigger"))
    quantity = Decimal(fact.body["quantity"])
    if change and (order := orders.get(name)) is not None:
        order.quantity = quantity
        order.price = order.price if price is None else price
        order.trigger_price = order.trigger_price if trigger is None else trigger
        return
    orders[name] = JournalledOrder(
        ts_init=fact.ts_event,
        client_order_id=SimpleNamespace(value=name),
        strategy_id=SimpleNamespace(value=fact.source),
        instrument_id=fact.body["instrument_id"],
        side=SimpleNamespace(name=fact.body["side"]),
        order_type=OrderType.from_str(fact.body["type"]),
        quantity=quantity,
        price=price,
        trigger_price=trigger,
        status=SimpleNamespace(name=WORKING),
        last_event=SimpleNamespace(reason=None),
    )


def _take_outcome(orders: Mapping[str, JournalledOrder], fact: Fact) -> None:
    order = orders.get(order_of(fact)[0])
    if order is not None:
        order.status = SimpleNamespace(name=fact.body["status"])
        order.last_event = SimpleNamespace(reason=fact.body.get("reason"))


def _take_fill(
    recorder: Recorder,
    orders: Mapping[str, JournalledOrder],
    trades: defaultdict[Key, OpenTrade | None],
    multipliers: Mapping[str, Decimal],
    fill: Fill,
) -> None:
    recorder.fills.append(fill)
    if (order := orders.get(fill.client_order_id)) is not None:
        order.fills.append(fill)
    key = (fill.strategy, fill.instrument_id)
    trade = trades[key]
    if trade is None:
        trade = trades[key] = OpenTrade(multipliers[fill.instrument_id])
    if closed := trade.apply(fill):
        votes = recorder.votes_behind(closed[0].signal)
        found = build_trade(closed, trade.closed, trade.multiplier, trade.range, votes)
        recorder.trade(found, closed[-1])
