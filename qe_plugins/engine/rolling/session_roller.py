"""Take the actions of a session's roll: orders of a hosted strategy, its state in a file.

The state is on disk before an order leaves. Every order passes rules and gate as any order of the
strategy does: under a halt closing passes, and entering is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.core import UUID4
from nautilus_trader.model import (
    ClientOrderId,
    ContingencyType,
    InstrumentId,
    OrderSide,
    OrderStatus,
    Quantity,
)

from qe_plugins import state_dir
from qe_plugins.engine.contracts.order_copies import moved_prices, rebuilt
from qe_plugins.engine.hosting.host import GatedStrategy
from qe_plugins.engine.risk.order_request import STOPS, unfinished
from qe_plugins.engine.rolling import session_roll
from qe_plugins.engine.rolling.roll_state import (
    NEW,
    Action,
    Cancel,
    OrderRole,
    OrderUpdate,
    Phase,
    Resize,
    RollOrder,
    RollState,
    Send,
    Step,
)
from qe_plugins.errors import RunError
from qe_plugins.halt.latch import write_atomically

SECOND = 1_000_000_000
CANCEL_AGAIN = 5 * SECOND
"""Nanoseconds until a cancellation without a confirmation is sent again: a broker may refuse one
that it takes a moment later.
"""

NOT_CONFIRMED = (OrderStatus.INITIALIZED, OrderStatus.SUBMITTED)


def roll_file(account: str) -> Path:
    """Return where the state of an account's roll is while one is under way."""
    return state_dir.state_dir() / "sessions" / f"{account}-roll.json"


def roll_begun(account: str) -> RollState | None:
    """Return the roll that a process of an account has begun and not ended, None without one.

    Raises RunError for a file that cannot be read: the position may be anywhere.
    """
    return _read(roll_file(account)) if roll_file(account).exists() else None


def _read(file: Path) -> RollState:
    try:
        return msgspec.json.decode(file.read_bytes(), type=RollState)
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise RunError(
            f"the state of a roll cannot be read: {error}.",
            where=str(file),
            hint="See what the account holds and works, then delete the file.",
        ) from error


class SessionRoller:
    """Rolls the position of one hosted strategy, one roll at a time.

    `file` holds the state of a roll until it has ended. `halt` is called with the reason where a
    person is needed, once a reason. A phase that is not confirmed within `limit` seconds halts.
    `may_enter` returns why nothing may be entered yet: for so long the entry waits, at most half of
    `limit`, then the roll ends flat.
    Call `on_order_event` with every order event of the strategy, `tick` about once a second, and
    `restore` once after a restart, when the orders of the venue are in the cache.
    """

    def __init__(
        self, trader: Any, file: Path, halt: Callable[[str], object], limit: float = 30.0
    ) -> None:
        self._trader, self._file, self._halt = trader, file, halt
        self._limit = int(limit * SECOND)
        self._steps: deque[Callable[[RollState], Step]] = deque()
        self._at_work = False
        self._cancelled_at = 0
        self._entry: tuple[RollOrder, ...] = ()
        self.may_enter: Callable[[], str] = lambda: ""
        self.state: RollState | None = None

    @property
    def pending(self) -> bool:
        """Return whether a roll is under way: the strategy must not send orders meanwhile."""
        return self.state is not None and self.state.phase is not Phase.ENDED

    def begin(self, name: str, before: str, after: str, *, spread: Decimal, enters: bool) -> None:
        """Begin to roll the strategy's position; with no position there is nothing to do.

        `name` tells this roll from every other one. Raises RunError while another is under way.
        """
        if self.pending:
            raise RunError(f"{name} cannot begin while {self.state.name} rolls.")  # type: ignore[union-attr]
        holdings = self._trader._run_context.holdings
        held = holdings.net(self._trader.strategy_id, InstrumentId.from_str(before))
        if not held:
            return
        self._cancelled_at = self._now()
        working = unfinished(
            self._cache,
            instrument_id=InstrumentId.from_str(before),
            strategy_id=self._trader.strategy_id,
        )
        exits = [
            (one.client_order_id.value, one.order_type in STOPS, int(one.leaves_qty.as_decimal()))
            for one in working.values()
        ]
        self._take(
            session_roll.begin(
                name,
                before,
                after,
                quantity=int(abs(held)),
                exits=exits,
                enters=enters,
                now=self._now(),
                long=held > 0,
                spread=str(spread),
            )
        )

    def on_order_event(self, event: Any) -> None:
        """Take a change of one of the roll's orders."""
        news = self._news_of(event.client_order_id.value)
        if news is not None and self.pending:
            self._do(lambda state: session_roll.update(state, news, self._now()))

    def tick(self) -> None:
        """Halt where a confirmation is overdue; cancel again what was not cancelled."""
        if self.pending:
            now = self._now()
            if now - self._cancelled_at >= CANCEL_AGAIN:
                self._cancelled_at = now
                self._do(lambda state: (state, session_roll.unconfirmed_cancels(state)))
            self._enter_or_give_up(now)
            self._do(lambda state: session_roll.tick(state, self._now(), self._limit))

    def _enter_or_give_up(self, now: int) -> None:
        """Send the entry that waits once it may enter; drop it where that takes too long."""
        orders, state = self._entry, self.state
        if not orders or state is None:
            return
        if not self.may_enter():
            self._entry = ()
            self._send(state, orders)
        elif now - state.since >= self._limit // 2:
            self._entry = ()
            for one in orders:
                news = OrderUpdate(id=one.id, state="closed", filled=0)
                self._do(lambda state, news=news: session_roll.update(state, news, now))  # type: ignore[misc]

    def restore(self) -> None:
        """Continue the roll that an earlier process had begun. Raises RunError for a broken file.

        Where its state cannot be read nothing is sent: the position may be anywhere.
        """
        if not self._file.exists():
            return
        try:
            self.state = _read(self._file)
        except RunError:
            self._halt(f"the state of a roll cannot be read: {self._file}")
            raise
        found = ((one.id, self._news_of(one.id)) for one in self.state.orders)
        known = {name: news for name, news in found if news is not None}
        self._do(lambda state: session_roll.resume(state, known, self._now()))

    @property
    def _cache(self) -> Any:
        return self._trader._run_context.cache

    def _now(self) -> int:
        now: int = self._trader.clock.timestamp_ns()
        return now

    def _news_of(self, name: str) -> OrderUpdate | None:
        """Return what the venue has confirmed of an order; None where it has nothing of it."""
        order = self._cache.order(ClientOrderId(name))
        if order is None or order.status in NOT_CONFIRMED:
            return None
        filled = int(order.filled_qty.as_decimal())
        return OrderUpdate(id=name, state="closed" if order.is_closed else "working", filled=filled)

    def _do(self, step: Callable[[RollState], Step]) -> None:
        """Take a step, after those that are under way: an action may cause the next event."""
        self._steps.append(step)
        if self._at_work:
            return
        while self._steps and self.state is not None:
            self._take(self._steps.popleft()(self.state))

    def _take(self, step: Step) -> None:
        state, actions = step
        if state == self.state and not actions and state.phase is not Phase.ENDED:
            return
        self.state, self._at_work = state, True
        try:
            self._store(state)
            for action in actions:
                self._act(state, action)
            if state.phase is Phase.ENDED:
                self._file.unlink(missing_ok=True)
        finally:
            self._at_work = False

    def _store(self, state: RollState) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, msgspec.json.encode(state))

    def _act(self, state: RollState, action: Action) -> None:
        match action:
            case Send(orders):
                if orders[0].role is OrderRole.ENTRY and self.may_enter():
                    self._entry = orders
                else:
                    self._send(state, orders)
            case Cancel(name):
                order = self._cache.order(ClientOrderId(name))
                if order is not None and not (order.is_closed or order.is_pending_cancel):
                    self._trader.cancel_order(order.client_order_id)
            case Resize(name, quantity):
                size = Quantity.from_int(quantity)
                self._trader.modify_order(ClientOrderId(name), size)
            case _:
                self._halt(action.reason)

    def _send(self, state: RollState, orders: tuple[RollOrder, ...]) -> None:
        first, *exits = orders
        if not exits:
            GatedStrategy.submit_order(self._trader, self._built(state, first))
            return
        names = [ClientOrderId(one.id) for one in exits]
        group = self._trader.order_factory.generate_order_list_id()
        entry = rebuilt(
            self._built(state, first),
            contingency_type=ContingencyType.OTO,
            linked_order_ids=names,
            order_list_id=group,
        )
        children = [
            rebuilt(
                self._built(state, one),
                parent_order_id=entry.client_order_id,
                order_list_id=group,
                linked_order_ids=[name for name in names if name.value != one.id] or None,
                contingency_type=ContingencyType.OUO if len(names) > 1 else None,
            )
            for one in exits
        ]
        GatedStrategy.submit_order_list(self._trader, [entry, *children])

    def _built(self, state: RollState, order: RollOrder) -> Any:
        """Return an order as the engine's own."""
        there = order.role in (OrderRole.ENTRY, OrderRole.UNDO, *NEW)
        contract = InstrumentId.from_str(state.after if there else state.before)
        if order.of:
            spread = Decimal(state.spread) if order.role in NEW else Decimal(0)
            return self._copy(order, contract, spread)
        buys = state.long if order.role is OrderRole.ENTRY else not state.long
        return self._trader.order_factory.market(
            contract,
            OrderSide.BUY if buys else OrderSide.SELL,
            Quantity.from_int(order.quantity),
            tags=["ROLL"],
            client_order_id=ClientOrderId(order.id),
        )

    def _copy(self, order: RollOrder, contract: InstrumentId, by: Decimal) -> Any:
        """Return a copy of one of the strategy's exits, moved by some points."""
        source, now = self._cache.order(ClientOrderId(order.of)), self._now()
        fields: dict[str, Any] = {
            "instrument_id": contract,
            "client_order_id": ClientOrderId(order.id),
            "quantity": Quantity.from_int(order.quantity),
            "event_id": UUID4(),
            "contingency_type": None,
            "linked_order_ids": None,
            "parent_order_id": None,
            "order_list_id": None,
            "exec_algorithm_id": None,
            "exec_spawn_id": None,
            "ts_event": now,
            "ts_init": now,
        }
        return rebuilt(source, **fields | moved_prices(source, by))
