"""What is wrong at a moment: pure functions of what the watcher has seen.

A finding becomes an incident once it has lasted `after` seconds. `watcher.py` keeps that time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import msgspec

from qe_plugins.alarms import Severity
from qe_plugins.config.watch import WatchSettings
from qe_plugins.guard.flatten import order_words, position_words
from qe_plugins.guard.named import NamedContracts
from qe_plugins.halt.status import SeenSession
from qe_plugins.ib_client.records import (
    BrokerOrder,
    BrokerPosition,
    BrokerQuote,
    BrokerSnapshot,
    BrokerState,
)

GIB = 2**30
BUDGET_NEARLY = Decimal("0.9")
READY_AFTER = 60.0
"""Seconds after which a node that still waits to take risk is an alarm."""

OF_THE_BROKER = frozenset(
    {
        *("unprotected", "two_stops", "stop_size", "weak_stop", "orphan", "two_orders_of_one_id"),
        *("not_named", "book_differs", "no_node"),
    }
)
"""Kinds that only a snapshot begins or ends: they stay as they are while the broker is unknown."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the watcher has read at one moment; None is not known.

    `unknown` says why there is no snapshot. `is_restarting` is within the gateway's daily restart.
    `sessions` are those of the configuration. `skew` is how far the clock is off at least, in
    seconds, `spent` what model calls cost this day, in USD.
    """

    at: datetime
    state: BrokerState
    unknown: str | None = None
    snapshot: BrokerSnapshot | None = None
    sessions: list[SeenSession] = []
    quotes: dict[str, BrokerQuote] = {}
    is_open: bool = True
    is_restarting: bool = False
    free_bytes: int | None = None
    skew: float | None = None
    halt: str | None = None
    journal_error: str | None = None
    spent: Decimal | None = None

    @property
    def running(self) -> SeenSession | None:
        """Return the session that runs and beats."""
        return next((one for one in self.sessions if one.state == "running"), None)


class WatchFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong; `after` is how long it must last, in seconds."""

    kind: str
    text: str
    about: str = ""
    severity: Severity = "critical"
    after: float = 0.0


def findings(seen: Seen, named: NamedContracts, settings: WatchSettings) -> list[WatchFinding]:
    """Return all that is wrong."""
    return [
        *_broker(seen, settings),
        *_node(seen, named, settings),
        *_protection(seen, named, settings),
        *_machine(seen, settings),
    ]


def _broker(seen: Seen, settings: WatchSettings) -> Iterator[WatchFinding]:
    after = settings.restart_lasts if seen.is_restarting else settings.gateway_after
    match seen.state:
        case "not_logged_in":
            text = "The gateway is up and not logged in: the weekly approval is a person's."
            yield WatchFinding(kind="not_logged_in", text=text, after=after)
        case "client_id_taken":
            text = f"Another program uses the watcher's client id. {seen.unknown}"
            yield WatchFinding(kind="client_id_taken", text=text, after=after)
        case "wrong_account":
            yield WatchFinding(kind="wrong_account", text=seen.unknown or "wrong account")
        case "cut":
            text = "The gateway has lost its connection to IB (1100)."
            yield WatchFinding(kind="connectivity_lost", text=text, after=after)
        case _ if seen.unknown:
            text = f"The broker's book is not known: {seen.unknown}"
            yield WatchFinding(kind="broker_unknown", text=text, after=after)
    if seen.state == "connected" and seen.is_open:
        for name, quote in seen.quotes.items():
            if quote.age is None or quote.age > settings.quotes_after:
                old = "none yet" if quote.age is None else f"the last {quote.age:.0f} s ago"
                text = f"No quote of {name} in an open market, {old}."
                after = settings.quotes_after if quote.age is None else 0.0
                yield WatchFinding(kind="quotes_stale", about=name, text=text, after=after)


def _node(seen: Seen, named: NamedContracts, settings: WatchSettings) -> Iterator[WatchFinding]:
    for one in seen.sessions:
        who = f"session {one.status.run_id}, process {one.status.pid}"
        if one.state == "died" and seen.running is None:
            yield WatchFinding(
                kind="node_died", about=one.status.name, text=f"The node died: {who}."
            )
        elif one.state == "silent":
            late = max(settings.heartbeat_after - one.age, 0.0)
            text = f"The node is silent for {one.age:.0f} s: {who}."
            yield WatchFinding(kind="node_silent", about=one.status.name, text=text, after=late)
        elif one.state == "running" and seen.is_open and (waits := one.status.waits):
            text = f"The node takes no new risk: {waits}."
            after = settings.restart_lasts if seen.is_restarting else READY_AFTER
            yield WatchFinding(
                kind="not_ready", about=one.status.name, severity="warning", text=text, after=after
            )
    snapshot = seen.snapshot
    if snapshot is None:
        return
    if not seen.sessions and (held := [p for p in snapshot.positions if named.covers(p)]):
        text = f"No node runs, and the account holds {', '.join(map(position_words, held))}."
        yield WatchFinding(kind="no_node", text=text, after=settings.book_after)
    if (running := seen.running) is not None:
        ours = Counter[str]()
        for contract, net in running.status.positions.items():
            ours[contract.partition(".")[0]] += int(net)
        theirs = {p.local_symbol: p.quantity for p in snapshot.positions if named.covers(p)}
        for name in sorted({*ours, *theirs}):
            if ours[name] != theirs.get(name, 0):
                text = f"{name}: the node holds {ours[name]:+}, IB {theirs.get(name, 0):+f}."
                yield WatchFinding(
                    kind="book_differs", about=name, text=text, after=settings.book_after
                )


def _protection(
    seen: Seen, named: NamedContracts, settings: WatchSettings
) -> Iterator[WatchFinding]:
    if (snapshot := seen.snapshot) is None:
        return
    orders = snapshot.open_orders
    for position in snapshot.positions:
        if named.covers(position):
            yield from _stops_of(position, orders, settings.unprotected_after)
        else:
            text = f"The account holds {position_words(position)}, which is not named: left alone."
            about = position.local_symbol
            yield WatchFinding(kind="not_named", about=about, severity="warning", text=text)
    held = {one.con_id for one in snapshot.positions}
    parents = {(one.client_id, one.order_id) for one in orders}
    for order in orders:
        if not named.covers(order) or order.con_id in held:
            continue
        is_exit = bool(order.parent_id or order.oca_group)
        if is_exit and (order.client_id, order.parent_id) not in parents:
            text = f"An exit without a position could open one: {order_words(order)}."
            yield WatchFinding(kind="orphan", about=str(order.perm_id), text=text, after=15.0)
    ids = Counter((o.client_id, o.order_id) for o in orders if o.order_id > 0 and named.covers(o))
    for (client_id, order_id), count in ids.items():
        if count > 1:
            text = f"Order {order_id} of client {client_id} works {count} times at IB."
            about = f"{client_id}-{order_id}"
            yield WatchFinding(kind="two_orders_of_one_id", about=about, text=text, after=5.0)


def _stops_of(
    position: BrokerPosition, orders: list[BrokerOrder], after: float
) -> Iterator[WatchFinding]:
    """Yield what is wrong with the stops of a position: there must be exactly one, of its size."""
    side = "SELL" if position.quantity > 0 else "BUY"
    name, held = position.local_symbol, position_words(position)
    stops = [
        one for one in orders if one.is_stop and one.side == side and one.con_id == position.con_id
    ]
    if not stops:
        text = f"{held} has no stop at the broker."
        yield WatchFinding(kind="unprotected", about=name, text=text, after=after)
        return
    if len(stops) > 1:
        text = f"{held} has {len(stops)} stops: {', '.join(map(order_words, stops))}."
        yield WatchFinding(kind="two_stops", about=name, text=text, after=after)
    elif stops[0].remaining != abs(position.quantity):
        text = f"{held} has a stop of another size: {order_words(stops[0])}."
        yield WatchFinding(kind="stop_size", about=name, text=text, after=after)
    for one in stops:
        if not one.outside_rth or one.time_in_force != "GTC":
            text = f"The stop does not hold through the night: {order_words(one)}."
            yield WatchFinding(kind="weak_stop", about=name, text=text, after=after)


def _machine(seen: Seen, settings: WatchSettings) -> Iterator[WatchFinding]:
    if seen.halt is not None:
        yield WatchFinding(kind="halted", severity="warning", text=f"Trading is {seen.halt}")
    if seen.free_bytes is not None and seen.free_bytes < settings.min_free_gib * GIB:
        text = f"{seen.free_bytes / GIB:.2f} GiB are free on the disk."
        yield WatchFinding(kind="disk", text=text)
    if seen.skew is not None and abs(seen.skew) > settings.clock_skew:
        text = f"The clock is off by {seen.skew:+.1f} s or more against the gateway's."
        yield WatchFinding(kind="clock", text=text)
    if seen.journal_error is not None:
        text = f"The journal cannot be written: {seen.journal_error}"
        yield WatchFinding(kind="journal", text=text, after=10.0)
    budget = settings.model_budget
    if budget is not None and seen.spent is not None and seen.spent >= budget * BUDGET_NEARLY:
        text = f"Model calls cost {seen.spent:.2f} USD this day, of {budget:.2f} USD."
        yield WatchFinding(kind="budget", severity="warning", text=text)
