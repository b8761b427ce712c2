"""The roll of a position in a session, as a pure state machine that waits for each confirmation.

Cancel the exits -> confirmed -> close -> filled -> open in the next contract with a new bracket ->
protected. Each function takes the state and what happened, and returns the new state with the
actions to take. The state is stored before its actions are taken; orders have ids that follow from
the roll's name, so that a restart cannot send one twice. Whatever is in doubt halts and sends
nothing that adds risk; what closes a position or protects it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from qe_plugins.engine.rolling.roll_state import (
    NEW,
    OLD,
    Action,
    Cancel,
    OrderRole,
    OrderUpdate,
    Outcome,
    Phase,
    Resize,
    RollOrder,
    RollState,
    Send,
    SetHalt,
    Step,
)


def begin(
    name: str,
    before: str,
    after: str,
    *,
    quantity: int,
    exits: Iterable[tuple[str, bool, int]],
    enters: bool,
    now: int,
    long: bool = True,
    spread: str = "0",
) -> Step:
    """Begin to roll `quantity` contracts of a position, which is not flat.

    `exits` are the working exits: id, whether it is a stop, contracts. With `enters` false the
    position is only closed. `spread` is by how many points the new exits are moved. `name` must be
    another one for each roll ever begun.
    """
    orders = tuple(
        RollOrder(
            id=i, role=OrderRole.STOP if stop else OrderRole.EXIT, quantity=n, state="working"
        )
        for i, stop, n in exits
    )
    state = RollState(
        name=name,
        before=before,
        after=after,
        quantity=quantity,
        orders=orders,
        since=now,
        enters=enters,
        long=long,
        spread=spread,
    )
    cancels = tuple(Cancel(order.id) for order in orders)
    state, actions = _advance(state, now)
    return state, (*cancels, *actions)


def update(state: RollState, news: OrderUpdate, now: int) -> Step:
    """Take what is known of an order; an older update changes nothing."""
    known = {order.id: order for order in state.orders}
    order = known.get(news.id)
    if order is None:
        return state, ()
    changed = replace(
        order,
        filled=max(order.filled, news.filled),
        state="closed" if "closed" in (order.state, news.state) else "working",
    )
    if changed == order:
        return state, ()
    known[order.id] = changed
    return _advance(replace(state, orders=tuple(known.values())), now)


def tick(state: RollState, now: int, limit: int) -> Step:
    """Halt where the phase has not been confirmed within `limit` nanoseconds."""
    if state.phase is Phase.ENDED or state.halted or now - state.since < limit:
        return state, ()
    return _halted(state, f"not confirmed within {limit / 1e9:g} s: {state.where}")


def resume(state: RollState, known: Mapping[str, OrderUpdate], now: int) -> Step:
    """Continue after a restart with what the venue knows of the roll's orders.

    An order that was to be sent and that the venue does not know may be on its way: it stays open,
    nothing takes its place, and the roll halts.
    """
    actions: tuple[Action, ...] = (SetHalt(state.halted),) if state.halted else ()
    if state.phase is Phase.ENDED:
        return state, actions
    state = replace(state, since=now)
    for order in state.orders:
        if (news := known.get(order.id)) is not None:
            state, more = update(state, news, now)
            actions += more
    lost = [one.id for one in state.orders if one.id not in known and one.is_open]
    sent = {one.id for action in actions if isinstance(action, Send) for one in action.orders}
    if lost := [one for one in lost if one not in sent]:
        state, more = _halted(state, f"unknown after a restart: {', '.join(lost)}; {state.where}")
        actions += more
    return state, (*actions, *unconfirmed_cancels(state))


def unconfirmed_cancels(state: RollState) -> tuple[Cancel, ...]:
    """Return the cancellations that the venue has not confirmed; they may have been lost."""
    wanted = state.of(*OLD) if state.phase in (Phase.CANCELLING, Phase.CLOSING) else []
    if state.phase is Phase.CLOSING:
        wanted = [*wanted, *state.of(OrderRole.ENTRY, *NEW)]
    return tuple(Cancel(one.id) for one in wanted if one.is_open)


def _advance(state: RollState, now: int) -> Step:
    """Take every step that the confirmations so far allow."""
    actions: tuple[Action, ...] = ()
    while True:
        following, more = STEPS[state.phase](state)
        actions += more
        if following.phase is not state.phase:
            following = replace(following, since=now)
        if following == state:
            break
        state = following
    if min(state.held_before, state.held_after) < 0 and not state.halted:
        state, more = _halted(state, f"more was closed than held: {state.where}")
        actions += more
    return state, actions


def _cancelling(state: RollState) -> Step:
    """Wait for the exits. Once a stop is gone, the position is being closed."""
    exits = state.of(*OLD)
    stopless = not any(one.is_open for one in exits if one.role is OrderRole.STOP)
    if stopless or state.held_before <= 0:
        return replace(state, phase=Phase.CLOSING), ()
    return state, ()


def _closing(state: RollState) -> Step:
    """Close what is held in the old contract, or undo an entry that cannot be protected."""
    if any(one.is_open for one in state.of(*OLD)):
        return state, ()
    if state.of(OrderRole.ENTRY):
        return _undo(state)
    closes = state.of(OrderRole.CLOSE)
    if not closes:
        if state.held_before <= 0:
            return _ended(state, "flat")
        return _send(state, _order(state, OrderRole.CLOSE, state.held_before))
    if closes[0].is_open:
        return state, ()
    if state.held_before > 0:
        return _protect_again(state)
    if not state.enters or state.halted or not closes[0].filled:
        return _ended(state, "flat")
    size = closes[0].filled
    entry = _order(state, OrderRole.ENTRY, size)
    exits = [
        _order(
            state,
            OrderRole.NEW_STOP if one.role is OrderRole.STOP else OrderRole.NEW_EXIT,
            size,
            one.id,
        )
        for one in state.of(*OLD)
    ]
    return _send(replace(state, phase=Phase.OPENING), entry, *exits)


def _protect_again(state: RollState) -> Step:
    """Protect what could not be closed by a copy of its stop, and wait until that works."""
    stops, restored = state.of(OrderRole.STOP), state.of(OrderRole.RESTORE)
    state, actions = _halted(state, f"the close was refused: {state.where}")
    if not restored and stops:
        stop = _order(state, OrderRole.RESTORE, state.held_before, stops[0].id)
        state, more = _send(state, stop)
    elif not stops or restored[0].state == "working":
        state, more = _ended(state, "kept")
    elif restored[0].state == "closed":
        state, more = _without_stop(state)
    else:
        more = ()
    return state, (*actions, *more)


def _without_stop(state: RollState) -> Step:
    """Say once that a position has no stop; a person must act."""
    if state.halted.startswith(NO_STOP):
        return state, ()
    return _halted(replace(state, halted=""), f"{NO_STOP}: {state.where}")


def _opening(state: RollState) -> Step:
    """Wait for the entry and its stop. Without a stop the entry is undone."""
    entry, stops = state.of(OrderRole.ENTRY)[0], state.of(OrderRole.NEW_STOP)
    if entry.is_open:
        if _failed_entry(state):
            return _begin_undo(state)
        return state, ()
    if not entry.filled:
        cancels = tuple(Cancel(one.id) for one in state.of(*NEW) if one.is_open)
        return replace(state, phase=Phase.CLOSING), cancels
    if state.held_after <= 0:
        return _ended(state, "flat")
    if _failed_entry(state):
        return _begin_undo(state)
    if any(one.state == "intended" for one in stops):
        return state, ()
    smaller = tuple(
        Resize(one.id, entry.filled)
        for one in state.of(*NEW)
        if one.is_open and entry.filled < entry.quantity
    )
    state, actions = _ended(state, "rolled")
    return state, (*smaller, *actions)


def _failed_entry(state: RollState) -> bool:
    """Return whether an entry has, or may get, contracts that no stop protects."""
    stops, entry = state.of(OrderRole.NEW_STOP), state.of(OrderRole.ENTRY)
    if not stops or not entry or (not entry[0].is_open and state.held_after <= 0):
        return False
    filled = sum(one.filled for one in stops)
    return not any(one.is_open for one in stops) and filled < entry[0].quantity


def _begin_undo(state: RollState) -> Step:
    cancels = tuple(Cancel(one.id) for one in state.of(OrderRole.ENTRY, *NEW) if one.is_open)
    state, actions = _halted(state, f"the new stop was refused: {state.where}")
    return replace(state, phase=Phase.CLOSING), (*actions, *cancels)


def _undo(state: RollState) -> Step:
    """Close what was entered, once entry and exits are confirmed as closed."""
    if any(one.is_open for one in state.of(OrderRole.ENTRY, *NEW)):
        return state, ()
    undo = state.of(OrderRole.UNDO)
    if not undo and state.held_after > 0:
        return _send(state, _order(state, OrderRole.UNDO, state.held_after))
    if undo and undo[0].is_open:
        return state, ()
    if state.held_after <= 0:
        return _ended(state, "flat")
    return _without_stop(state)


def _ended(state: RollState, outcome: Outcome) -> Step:
    return replace(state, phase=Phase.ENDED, outcome=outcome), ()


def _halted(state: RollState, reason: str) -> Step:
    if state.halted:
        return state, ()
    return replace(state, halted=reason), (SetHalt(reason),)


def _order(state: RollState, role: OrderRole, quantity: int, of: str = "") -> RollOrder:
    suffix = f"-{of}" if of else ""
    return RollOrder(id=f"{state.name}-{role}{suffix}", role=role, quantity=quantity, of=of)


def _send(state: RollState, *orders: RollOrder) -> Step:
    return replace(state, orders=(*state.orders, *orders)), (Send(orders),)


NO_STOP = "WITHOUT A STOP"

STEPS: dict[Phase, Callable[[RollState], Step]] = {
    Phase.CANCELLING: _cancelling,
    Phase.CLOSING: _closing,
    Phase.OPENING: _opening,
    Phase.ENDED: lambda state: (state, ()),
}
