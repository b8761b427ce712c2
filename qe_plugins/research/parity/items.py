"""What a session and its rerun are compared by: votes, signals, sizes, orders, fills, trades.

Two runs number their orders and fills on their own, so an item is known by what it is: its kind,
the bar at which it came about, its plugin or strategy, its contract and side. Items that are alike
in all of this are numbered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.hosting.strategy_ids import order_id_tag
from qe_plugins.engine.recording.fact_forms import decimal_or_none, order_of
from qe_plugins.engine.risk.gate import HALT
from qe_plugins.journal.facts import Fact, FactKind

type Key = tuple[Any, ...]

LATE = 1_000_000
"""Nanoseconds by which a clock may be ahead of the bar that it is set by."""

KINDS = (
    *("bar", "vote", "signal", "size", "order", "veto", "outcome"),
    *("closing", "fill", "trade", "position"),
)
"""The kinds of items, in causal order."""

WORKING = "WORKING"
SETTLEMENT = "settlement"
"""The source of the facts of settlements."""

ENDED = frozenset({"FILLED", "CANCELED", "DENIED", "REJECTED", "EXPIRED"})


class ParityItem(msgspec.Struct, kw_only=True):
    """One thing that a run decided or did. `ts` is UTC nanoseconds.

    `source` is a plugin, or a strategy by its name in the configuration. `label` says what it is
    about; `values` are compared, `details` shown; `causes` are the keys of what led to it.
    """

    kind: str
    key: Key
    ts: int
    source: str
    contract: str
    label: str
    values: dict[str, Any]
    causes: list[Key] = []


class Reader:
    """Reads the facts of a run into items.

    `closes` are the closes of all bars (UTC ns), sorted; `strategies` has the name in the
    configuration of each strategy id.
    """

    def __init__(self, closes: Sequence[int], strategies: Mapping[str, str]) -> None:
        self._closes, self._strategies = closes, strategies
        self._items: dict[Key, ParityItem] = {}
        self._seen: Counter[Key] = Counter()
        self._by_fact: dict[str, Key] = {}
        self._outcomes: dict[str, ParityItem] = {}
        self._vetoes: defaultdict[str, list[Key]] = defaultdict(list)
        self._fills: defaultdict[str, list[Key]] = defaultdict(list)
        self._resting: set[str] = set()
        self._bar_of_fill: dict[int, int] = {}
        self._net: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._traded: defaultdict[tuple[str, str], list[Key]] = defaultdict(list)

    def read(self, facts: Iterable[Fact]) -> dict[Key, ParityItem]:
        """Return the items of a run by key, in the order of its facts."""
        known = {
            FactKind.SNAPSHOT: self._bar,
            FactKind.VOTE: self._vote,
            FactKind.SIGNAL: self._signal,
            FactKind.SIZE: self._size,
            FactKind.ORDER: self._order,
            FactKind.VETO: self._veto,
            FactKind.OUTCOME: self._outcome,
            FactKind.CLOSING: self._closing,
            FactKind.FILL: self._fill,
            FactKind.TRADE: self._trade,
        }
        every = _as_submitted(facts)
        for fact in sorted(every, key=lambda one: one.kind is FactKind.VETO):  # orders come first
            if (take := known.get(fact.kind)) is not None:
                take(fact)
        for name, vetoes in self._vetoes.items():
            if (outcome := self._outcomes.get(name)) is not None:
                outcome.causes += vetoes
        self._positions(max((fact.ts_event for fact in every), default=0))
        return self._items

    def moment(self, ts: int) -> int:
        """Return the close of the last bar at or before a time (UTC ns)."""
        at = bisect_right(self._closes, ts + LATE)
        return self._closes[at - 1] if at else ts

    def bar_of(self, ts: int) -> int:
        """Return the close of the bar in which something happened, where it has closed."""
        at = bisect_left(self._closes, ts - LATE)
        return self._closes[at] if at < len(self._closes) else ts

    def _filled_at(self, order: str, ts: int) -> int:
        """Return the bar of a fill: an order that rests fills within a bar, another one after it.

        A backtest knows of the former only that bar.
        """
        found = self.bar_of(ts) if order in self._resting else self.moment(ts)
        self._bar_of_fill[ts] = found
        return found

    def _bar(self, fact: Fact) -> None:
        self._by_fact[fact.id] = ("bar", fact.id)

    def _vote(self, fact: Fact) -> None:
        body = fact.body
        about = ("vote", self.moment(fact.ts_event), fact.source, body["instrument_id"])
        self._add(about, fact, fact.source, _proposed(body), f"{body['side']}", [fact.cause])

    def _signal(self, fact: Fact) -> None:
        body = fact.body
        about = ("signal", self.moment(fact.ts_event), body["instrument_id"])
        causes = body.get("votes") or [fact.cause]
        self._add(about, fact, fact.source, _proposed(body), f"{body['side']}", causes)

    def _size(self, fact: Fact) -> None:
        signal = self._by_fact.get(fact.cause or "", ())
        values = {key: fact.body[key] for key in ("contracts", "reason")}
        about = ("size", self.moment(fact.ts_event), signal)
        contract = self._items[signal].contract if signal in self._items else ""
        self._add(about, fact, fact.source, values, "of a signal", [fact.cause], contract=contract)

    def _order(self, fact: Fact) -> None:
        name, change = order_of(fact)
        body = fact.body
        if name.startswith(SETTLES):  # the engine's own, which a session does not record
            return
        if change:
            self._changed(name, fact)
            return
        if body["type"] != "MARKET":
            self._resting.add(name)
        source = self._name(fact.source)
        about = (
            *("order", self.moment(fact.ts_event), source),
            *(body["instrument_id"], body["side"], body["type"]),
        )
        values = {key: decimal_or_none(body.get(key)) for key in ("quantity", "price", "trigger")}
        label = f"{body['side']} {body['quantity']} {body['type']}"
        item = self._add(about, fact, source, values, label, [fact.cause])
        self._by_fact[f"order:{name}"] = item.key
        status = body.get("status", WORKING)
        self._outcomes[name] = self._add(
            ("outcome", item.key),
            fact,
            source,
            _ended(status, body.get("reason")),
            label,
            [f"order:{name}"],
            known=False,
        )

    def _changed(self, name: str, fact: Fact) -> None:
        """Take a modification: what is compared are the terms that an order had last."""
        key = self._by_fact.get(f"order:{name}")
        if key is None or (item := self._items.get(key)) is None:
            return
        for term in ("quantity", "price", "trigger"):
            if fact.body.get(term) is not None:
                item.values[term] = decimal_or_none(fact.body[term])

    def _outcome(self, fact: Fact) -> None:
        name, _ = order_of(fact)
        if (item := self._outcomes.get(name)) is not None:
            item.values = _ended(fact.body["status"], fact.body.get("reason"))
            item.ts = fact.ts_event

    def _veto(self, fact: Fact) -> None:
        body = fact.body
        name = body["client_order_id"]
        order = self._by_fact.get(f"order:{name}", ())
        label = f"of {body['side']} {body['quantity']}"
        about = ("veto", order, body["plugin"])
        # later reasons may have joined that of a halt
        values = {"reason": HALT if body["plugin"] == HALT else body["reason"]}
        item = self._add(about, fact, body["plugin"], values, label, [f"order:{name}"])
        self._vetoes[name].append(item.key)

    def _closing(self, fact: Fact) -> None:
        if fact.source == SETTLEMENT:  # a session has its fill alone
            return
        strategy = self._name(fact.body.get("strategy", ""))
        contract = fact.body.get("instrument_id", "")
        about = ("closing", self.moment(fact.ts_event), strategy, contract)
        values = {"reason": fact.body.get("reason")}
        self._add(about, fact, strategy, values, "forced", [fact.cause], contract=contract)

    def _fill(self, fact: Fact) -> None:
        body = fact.body
        if body.get("synthetic"):
            return
        name, source = body["client_order_id"], self._name(fact.source)
        contract, quantity = body["instrument_id"], Decimal(body["quantity"])
        values = {
            "time": self._filled_at(name, fact.ts_event),
            "side": body["side"],
            "quantity": quantity,
            "price": Decimal(body["price"]),
            "fee": Decimal(body["commission"]),
        }
        label = f"{body['side']} {body['quantity']}"
        about = ("fill", self._by_fact.get(f"order:{name}", (SETTLEMENT, contract, source)))
        item = self._add(about, fact, source, values, label, [f"order:{name}"])
        if (outcome := self._outcomes.get(name)) is not None:
            item.causes.append(outcome.key)
        self._fills[name].append(item.key)
        self._net[source, contract] += quantity if body["side"] == "BUY" else -quantity
        self._traded[source, contract].append(item.key)

    def _trade(self, fact: Fact) -> None:
        body, source = fact.body, self._name(fact.source)
        orders = body["orders"]
        opening = next((self._fills[name][0] for name in orders if self._fills.get(name)), ())
        values = {
            "side": body["side"],
            **{key: Decimal(body[key]) for key in ("quantity", "entry", "exit")},
            **{key: self._bar_of_fill.get(body[key]) for key in ("opened", "closed")},
            "fees": Decimal(body["commissions"]),
        }
        label = f"{body['side']} {body['quantity']}"
        item = self._add(("trade", opening), fact, source, values, label, [])
        item.causes = [key for name in orders for key in self._fills[name]]

    def _positions(self, last: int) -> None:
        for (source, contract), net in sorted(self._net.items()):
            key = ("position", source, contract)
            self._items[key] = ParityItem(
                kind="position",
                key=key,
                ts=last,
                source=source,
                contract=contract,
                label="at the end",
                values={"contracts": net},
                causes=self._traded[source, contract],
            )

    def _add(
        self,
        about: Key,
        fact: Fact,
        source: str,
        values: dict[str, Any],
        label: str,
        causes: Iterable[str | None],
        *,
        contract: str | None = None,
        known: bool = True,
    ) -> ParityItem:
        self._seen[about] += 1
        key = (*about, self._seen[about])
        item = ParityItem(
            kind=about[0],
            key=key,
            ts=fact.ts_event,
            source=source,
            contract=fact.body.get("instrument_id", "") if contract is None else contract,
            label=label,
            values=values,
            causes=[self._by_fact[one] for one in causes if one in self._by_fact],
        )
        self._items[key] = item
        if known:
            self._by_fact[fact.id] = key
        return item

    def _name(self, strategy_id: str) -> str:
        return self._strategies.get(strategy_id, strategy_id)


def _as_submitted(facts: Iterable[Fact]) -> list[Fact]:
    """Return facts with the orders of a moment as they were submitted.

    A backtest records a denied order before one that filled: an exit and an entry of one side in
    the same bar, which are alike, would be numbered the other way round.
    """
    every = list(facts)
    places = [at for at, fact in enumerate(every) if fact.kind is FactKind.ORDER]
    orders = sorted((every[at] for at in places), key=lambda one: (one.ts_event, _number(one)))
    for at, fact in zip(places, orders, strict=True):
        every[at] = fact
    return every


def _number(order: Fact) -> int:
    """Return the number that a strategy's order has in its id, 0 without one."""
    last = order_of(order)[0].rpartition("-")[2]
    return int(last) if last.isdecimal() else 0


OF_STRATEGIES = (FactKind.ORDER, FactKind.FILL, FactKind.WARM_UP)
"""Kinds of facts whose source is a strategy's id."""


def session_strategies(facts: Iterable[Fact], names: Iterable[str]) -> dict[str, str]:
    """Return the name in the configuration of each strategy id of a session's orders.

    A session's ids end with that name, see `engine.hosting.strategy_ids`.
    """
    tags = {order_id_tag(name): name for name in names}
    ids = {fact.source for fact in facts if fact.kind in OF_STRATEGIES}
    return {one: tags[tag] for one in ids if (tag := one.partition("-")[2]) in tags}


def _proposed(body: Mapping[str, Any]) -> dict[str, Any]:
    known = ("side", "confidence", "entry", "stop", "target", "reason")
    return {key: body.get(key) for key in known}


def _ended(status: str, reason: str | None) -> dict[str, Any]:
    ended = status in ENDED
    if reason is not None and reason.startswith(f"{HALT}: "):
        reason = HALT
    return {"status": status if ended else WORKING, "reason": reason if ended else None}
