"""What was held into expiry, and at which price it settled: for the journal and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from nautilus_trader.model import FuturesContract

from qe_plugins.data.settlements import Settlement, expiry_day
from qe_plugins.engine.books import Fill
from qe_plugins.engine.recorder import SETTLES, Recorder
from qe_plugins.journal.records import Kind

BASES = {
    "settlement": "the exchange's settlement price of",
    "preliminary": "the exchange's preliminary settlement price of",
    "bar": "its last close: the data has no settlement price of",
}
SHOWN = 6


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A position that its expiry closed. `contracts` is what was held, negative when short.

    `basis` says whose price it was; `published` is when the exchange said it (ISO, UTC).
    """

    order: str
    instrument_id: str
    strategy: str
    contracts: Decimal
    price: Decimal
    basis: Literal["settlement", "preliminary", "bar"]
    day: str
    published: str | None = None
    at: int

    @property
    def words(self) -> str:
        """Say it in a sentence without its subject."""
        of = f"{BASES[self.basis]} {self.day}"
        return f"{int(self.contracts):+d} {self.instrument_id} settled at {self.price:,f}, {of}"


def settled(fills: Iterable[Fill], settlements: Mapping[str, Settlement]) -> list[Settled]:
    """Return what fills say was settled, oldest first."""
    return [_settled(f, settlements) for f in fills if f.client_order_id.startswith(SETTLES)]


def journaled(found: Iterable[Settled], recorder: Recorder) -> dict[str, str]:
    """Journal each settlement; return the ids of these facts by the orders that they caused."""
    return {one.order: _journaled(one, recorder) for one in found}


def in_words(found: Iterable[Settled]) -> list[str]:
    """Say what settled, a sentence each."""
    return [f"{one.words}." for one in found]


def expected(contracts: Sequence[FuturesContract], known: Iterable[str], end: int) -> list[str]:
    """Say of the contracts that expire by `end` (UTC ns) where their last price will come from."""
    having = set(known)
    names = [
        str(one.id)
        for one in sorted(contracts, key=lambda one: one.expiration_ns)
        if one.expiration_ns <= end or str(one.id) in having
    ]
    told, bare = [n for n in names if n in having], [n for n in names if n not in having]
    lines = []
    if told:
        what = "What is held into expiry settles at the exchange's settlement price"
        lines.append(f"{what}: the data has that of {_listed(told)}.")
    if bare:
        what = "What is held into expiry settles at the contract's last close"
        lines.append(f"{what}: the data has no settlement price of {_listed(bare)}.")
    return lines


def _settled(fill: Fill, settlements: Mapping[str, Settlement]) -> Settled:
    one = settlements.get(fill.instrument_id)
    if one is not None and one.price.quantize(fill.price) != fill.price:
        one = None
    said = datetime.fromtimestamp(one.published // 10**9, UTC).isoformat() if one else None
    return Settled(
        order=fill.client_order_id,
        instrument_id=fill.instrument_id,
        strategy=fill.strategy,
        contracts=-fill.quantity,
        price=fill.price,
        basis="bar" if one is None else "preliminary" if one.preliminary else "settlement",
        day=f"{expiry_day(fill.ts)}",
        published=said,
        at=fill.ts,
    )


def _journaled(one: Settled, recorder: Recorder) -> str:
    body: dict[str, Any] = {
        "reason": f"{one.words} (of {one.strategy})",
        "strategy": one.strategy,
        "instrument_id": one.instrument_id,
        "price": str(one.price),
        "basis": one.basis,
        "published": one.published,
    }
    return recorder.numbered(Kind.CLOSING, one.at, "settlement", None, body)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
