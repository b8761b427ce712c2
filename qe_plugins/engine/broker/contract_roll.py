"""The roll of a live session from its contract to the next one: once flat, or with its position.

A session trades one contract of a root. When the next one is current by the calendar, the session
ends and begins again in it. A position is rolled before that only where the configuration says so:
step by step, each confirmed by the broker (`engine.rolling.session_roll`).
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import InstrumentId

from qe_plugins.engine.broker.contracts import SECOND, next_contracts
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.rolling.roll_state import OrderRole
from qe_plugins.engine.rolling.session_roller import SessionRoller, roll_file
from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from qe_plugins.engine.broker.no_entry import NoEntryTimes
    from qe_plugins.engine.broker.session import LiveSession

LOG = logging.getLogger(__name__)
FRESH = 5 * SECOND
"""Nanoseconds: no position is rolled by quotes that are older."""

SOURCE = "roll"


class ContractRoll:
    """Rolls a session. `no_entry` keeps every other order out of both contracts meanwhile."""

    def __init__(self, session: LiveSession, no_entry: NoEntryTimes) -> None:
        self._session, self._no_entry = session, no_entry
        self._roller: SessionRoller | None = None
        self._began = self._due = 0
        self._prices: list[str] = []
        self._trader: Any = None

    def begin(self) -> None:
        """Take up the roll that an earlier process had begun, with the broker's orders known."""
        live = self._session.live
        if live.following is not None and roll_file(self._session.account).exists():
            self._roller = self._made(self._trader_in(live.contracts[0].id, live.following.id))
            self._began = self._session.now()
            self._no_entry.rolling = True
            self._roller.restore()

    def on_order_event(self, event: Any) -> None:
        """Take a change of an order: it may be one of the roll's."""
        if self._roller is not None:
            self._roller.on_order_event(event)

    def is_over(self, ts: int) -> bool:
        """Do what is due about once a second; return whether the next contract is to be traded."""
        live = self._session.live
        if live.settings.contracts or ts < self._due:
            return False
        self._due = ts + SECOND
        [contract] = live.contracts
        if self._roller is not None:
            return self._rolled(self._roller)
        if next_contracts(contract.root, ts, 1)[0].key <= contract.key:
            return False
        context = self._session.context
        if any(context.holdings.by_contract().values()):
            self._roll_position(ts)
            return False
        return not (context.cache.orders_open() or context.cache.orders_inflight())

    def _roll_position(self, ts: int) -> None:
        """Begin to roll what is held, where that is wanted and nothing is in doubt."""
        session, following = self._session, self._session.live.following
        if following is None or session.latch.read() is not None or session.not_ready():
            return
        before, after = session.live.contracts[0].id, following.id
        prices = [self._mid(one, ts) for one in (before, after)]
        if None in prices or session.context.cache.orders_inflight():
            return
        spread = prices[1] - prices[0]  # type: ignore[operator]
        self._roller = self._made(self._trader_in(before))
        self._began, self._no_entry.rolling = ts, True
        self._prices = [str(one) for one in prices]
        LOG.info("the position in %s is rolled into %s", before, after)
        name = f"ROLL{ts // SECOND}"
        self._roller.begin(name, before, after, spread=spread, enters=True)

    def _rolled(self, roller: SessionRoller) -> bool:
        """Return whether a roll has ended and nothing is left in the old contract."""
        roller.tick()
        if roller.pending or roller.state is None:
            return False
        state, session = roller.state, self._session
        if self._began:
            self._record(roller)
            self._began = 0
        context, before = session.context, InstrumentId.from_str(state.before)
        left = context.cache.orders_open(instrument_id=before)
        held = context.holdings.by_contract().get(before, 0)
        return not (left or held or context.cache.orders_inflight())

    def _record(self, roller: SessionRoller) -> None:
        state = roller.state
        assert state is not None
        legs = [one.id for one in state.of(OrderRole.CLOSE, OrderRole.ENTRY) if one.filled]
        body = {
            "strategy": self._trader.strategy_id.value,
            "before": state.before,
            "after": state.after,
            "contracts": str(state.quantity),
            "prices": self._prices,
            "orders": legs,
            "reason": "the next contract is current by the calendar",
            "outcome": state.outcome,
            "began": self._began,
        }
        self._session.record(FactKind.ROLL, SOURCE, body)

    def _made(self, trader: Any) -> SessionRoller:
        self._trader = trader
        limit = self._session.live.settings.roll.confirm_within
        file = roll_file(self._session.account)
        roller = SessionRoller(trader, file, self._halted, limit)
        roller.may_enter = self._session.not_ready
        return roller

    def _halted(self, reason: str) -> None:
        self._session.halt(reason, SOURCE)
        body = {"severity": "critical", "kind": "roll", "about": "roll", "text": reason}
        self._session.record(FactKind.ALARM, SOURCE, body)

    def _trader_in(self, *contracts: str) -> Any:
        """Return the strategy that holds something in one of some contracts, else the first."""
        context = self._session.context
        for trader in context.strategies:
            for one in contracts:
                if context.holdings.net(trader.strategy_id, InstrumentId.from_str(one)):
                    return trader
        return context.strategies[0]

    def _mid(self, contract: str, ts: int) -> Decimal | None:
        """Return the middle of a contract's quote, None where that is older than some seconds."""
        quote = self._session.context.cache.quote(InstrumentId.from_str(contract))
        if quote is None or ts - quote.ts_event > FRESH:
            return None
        return (decimal(quote.bid_price) + decimal(quote.ask_price)) / 2
