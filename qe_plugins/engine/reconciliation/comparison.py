"""Our book against the broker's: what differs, and what each difference means."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from qe_plugins.engine.reconciliation.book import BookOrder, BookState, OwnBook
from qe_plugins.ib_client.records import BrokerExecution, BrokerOrder, BrokerSnapshot

MISSING = "missing:"
"""How the key of a difference begins: an order works in our book, and the broker has it no more."""

FILLED, UNRESOLVED = "filled:", "unresolved:"
"""The same of an order that has filled there, and of one that was sent and is not listed."""


class BookVerdict(StrEnum):
    """What a comparison found, from harmless to worst.

    MATCHED      go on
    UNRESOLVED   an order of ours is in flight and the broker does not know it: wait, send nothing
    ORPHAN       an order at the broker that our book has as ended, or does not have
    UNKNOWN_FILL an execution that is not booked
    FOREIGN      a position or an order that no strategy owns
    AMBIGUOUS    anything else, such as two live orders of one reference: halt
    """

    MATCHED = "matched"
    UNRESOLVED = "unresolved"
    ORPHAN = "orphan"
    UNKNOWN_FILL = "unknown fill"
    FOREIGN = "foreign"
    AMBIGUOUS = "ambiguous"


class BookScope(msgspec.Struct, frozen=True):
    """What is compared: the orders of `client_id` in `contracts`; others are foreign.

    `contracts` are local symbols such as `MESZ6`; what the account holds of others is not touched.
    """

    contracts: frozenset[str]
    client_id: int


class BookDifference(msgspec.Struct, frozen=True):
    """One difference. `key` is the same as long as it is the same difference."""

    verdict: BookVerdict
    key: str
    contract: str
    what: str
    perm_id: int = 0
    ref: str = ""
    exec_id: str = ""


class Comparison(msgspec.Struct, frozen=True):
    """All differences at one moment (UTC nanoseconds). None means the books are equal."""

    at: int
    findings: tuple[BookDifference, ...] = ()

    @property
    def verdict(self) -> BookVerdict:
        """Return the worst verdict."""
        order = list(BookVerdict)
        return max(
            (one.verdict for one in self.findings), key=order.index, default=BookVerdict.MATCHED
        )

    @property
    def keys(self) -> frozenset[str]:
        """Return what identifies the differences, to compare two looks."""
        return frozenset(one.key for one in self.findings)

    @property
    def text(self) -> str:
        """Return the differences in one line."""
        return "; ".join(one.what for one in self.findings) or "our book is the broker's"


def compare(
    book: OwnBook,
    snapshot: BrokerSnapshot,
    scope: BookScope,
    *,
    known_executions: Collection[str] = (),
    adopted: Collection[int] = (),
    written_off: Collection[str] = (),
) -> Comparison:
    """Return how our book differs from a complete snapshot of the broker.

    `known_executions` are ids that need not be booked: they were there when the session began, or
    a fill of the engine's own making stands for them. One that is no strategy's may be the cause of
    a difference though the engine has it: 2.0.0rc7 has the fill of a person before it changes what
    is held. `adopted` are perm ids of orders at the broker that count as ours, `written_off` refs
    of orders that need not be there.
    """
    live = [one for one in snapshot.open_orders if one.local_symbol in scope.contracts]
    executions = [one for one in snapshot.executions if one.local_symbol in scope.contracts]
    fresh = [
        one
        for one in executions
        if one.exec_id not in known_executions
        and (one.exec_id not in book.executions or not _is_owned(one, book, scope))
    ]
    findings = [
        *_duplicates(live),
        *_live_orders(book, live, scope, frozenset(adopted)),
        *(
            one
            for one in _missing_orders(book, live, executions, scope)
            if one.ref not in written_off
        ),
        *_positions(book, snapshot, fresh, scope),
    ]
    return Comparison(book.at, tuple(findings))


def _duplicates(live: Iterable[BrokerOrder]) -> Iterable[BookDifference]:
    counts = Counter(one.ref for one in live if one.ref)
    for ref, count in counts.items():
        if count > 1:
            perm_ids = sorted(one.perm_id for one in live if one.ref == ref)
            contract = next(one.local_symbol for one in live if one.ref == ref)
            what = f"{count} live orders have the reference {ref} (perm ids {perm_ids})"
            yield BookDifference(BookVerdict.AMBIGUOUS, f"twice:{ref}", contract, what, ref=ref)


def _live_orders(
    book: OwnBook, live: Iterable[BrokerOrder], scope: BookScope, adopted: frozenset[int]
) -> Iterable[BookDifference]:
    for one in live:
        ours = book.orders.get(one.ref) if one.ref else None
        if ours is not None and ours.state is not BookState.ENDED:
            if what := _differs(ours, one):
                yield _about(BookVerdict.AMBIGUOUS, "changed", one, what)
        elif one.perm_id in adopted:
            continue
        elif ours is not None:
            what = f"{_named(one)} is live at the broker, our book has it as ended"
            yield _about(BookVerdict.ORPHAN, "orphan", one, what)
        elif one.client_id == scope.client_id:
            what = f"{_named(one)} is live at the broker, our book does not have it"
            yield _about(BookVerdict.ORPHAN, "orphan", one, what)
        else:
            what = f"{_named(one)} of client {one.client_id} is no strategy's"
            yield _about(BookVerdict.FOREIGN, "foreign", one, what)


def _missing_orders(
    book: OwnBook,
    live: Iterable[BrokerOrder],
    executions: Iterable[BrokerExecution],
    scope: BookScope,
) -> Iterable[BookDifference]:
    refs = {one.ref for one in live}
    executed: dict[str, Decimal] = defaultdict(Decimal)
    for execution in executions:
        executed[execution.ref] += execution.quantity
    for ref, ours in book.orders.items():
        if ours.state is BookState.ENDED or ref in refs or ours.contract not in scope.contracts:
            continue
        if executed[ref] > ours.filled:
            what = f"{ref} is open in our book, and has filled at the broker"
            yield BookDifference(
                BookVerdict.AMBIGUOUS, f"{FILLED}{ref}", ours.contract, what, ref=ref
            )
            continue
        if ours.state is BookState.IN_FLIGHT:
            what = f"{ref} was sent, and the broker does not list it"
            yield BookDifference(
                BookVerdict.UNRESOLVED, f"{UNRESOLVED}{ref}", ours.contract, what, ref=ref
            )
        else:
            what = f"{ref} is working in our book, and the broker does not list it"
            yield BookDifference(
                BookVerdict.AMBIGUOUS, f"{MISSING}{ref}", ours.contract, what, ref=ref
            )


def _positions(
    book: OwnBook, snapshot: BrokerSnapshot, fresh: list[BrokerExecution], scope: BookScope
) -> Iterable[BookDifference]:
    for contract in sorted(scope.contracts):
        ours, held = book.net(contract), snapshot.position(contract)
        if ours == held:
            continue  # an execution that is not booked, while the nets agree, was booked otherwise
        news = [one for one in fresh if one.local_symbol == contract]
        difference = f"the broker holds {held:+f} {contract}, our book {ours:+f}"
        if not news or ours + sum(map(signed, news)) != held:
            key = f"position:{contract}:{ours}:{held}"
            yield BookDifference(BookVerdict.AMBIGUOUS, key, contract, difference)
            continue
        for one in news:
            owned = _is_owned(one, book, scope)
            verdict = BookVerdict.UNKNOWN_FILL if owned else BookVerdict.FOREIGN
            what = f"{difference}: the fill {one.exec_id} of {one.ref or 'a person'} is not booked"
            key = f"fill:{one.exec_id}"
            yield BookDifference(verdict, key, contract, what, one.perm_id, one.ref, one.exec_id)


def _is_owned(one: BrokerExecution, book: OwnBook, scope: BookScope) -> bool:
    """Return whether an execution is that of an order which a strategy has sent."""
    return one.client_id == scope.client_id or one.ref in book.orders


def _differs(ours: BookOrder, theirs: BrokerOrder) -> str:
    """Return how one order differs in our book and at the broker; empty where it does not."""
    parts = []
    if ours.side != theirs.side:
        parts.append("side")
    if (
        ours.trigger is not None
        and theirs.stop_price is not None
        and ours.trigger != theirs.stop_price
    ):
        parts.append(f"trigger {ours.trigger} is {theirs.stop_price}")
    if (
        ours.limit is not None
        and theirs.limit_price is not None
        and ours.limit != theirs.limit_price
    ):
        parts.append(f"limit {ours.limit} is {theirs.limit_price}")
    if ours.filled == theirs.filled and ours.remaining != theirs.remaining:
        parts.append(f"remaining {ours.remaining} is {theirs.remaining}")
    return f"{ours.ref} differs at the broker: {', '.join(parts)}" if parts else ""


def _about(verdict: BookVerdict, kind: str, one: BrokerOrder, what: str) -> BookDifference:
    key = f"{kind}:{one.perm_id}"
    return BookDifference(verdict, key, one.local_symbol, what, one.perm_id, one.ref)


def _named(one: BrokerOrder) -> str:
    name = f"order {one.ref}" if one.ref else f"order {one.perm_id}"
    return f"{name} ({one.side.lower()} {one.remaining:f} {one.local_symbol} {one.kind})"


def signed(one: BrokerExecution) -> Decimal:
    """Return the contracts of a fill, negative where they were sold."""
    return one.quantity if one.side == "BUY" else -one.quantity
