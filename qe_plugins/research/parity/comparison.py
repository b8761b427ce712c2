"""Find the items in which a session and its rerun differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.research.parity.items import KINDS, Key, ParityItem

PRICES = ("price", "entry", "exit")
EXACT = Decimal(0)
FIGURE = re.compile(r"[-+]?\d[\d,.]*")


class ParityDifference(msgspec.Struct, kw_only=True):
    """An item that differs: `then` in the session, `now` in the rerun; None where it is missing.

    `fields` are the values that differ, each as (then, now).
    """

    then: ParityItem | None
    now: ParityItem | None
    fields: dict[str, tuple[Any, Any]]

    @property
    def item(self) -> ParityItem:
        """Return the item, as it was in the session where it was there."""
        found = self.then or self.now
        assert found is not None
        return found

    @property
    def ts(self) -> int:
        """Return when the runs began to differ in it (UTC ns)."""
        return min(one.ts for one in (self.then, self.now) if one is not None)

    @property
    def causes(self) -> list[Key]:
        """Return the keys of what led to it, in either run."""
        return [key for one in (self.then, self.now) if one is not None for key in one.causes]


class Compared(msgspec.Struct, kw_only=True):
    """A comparison: the items of the session by kind, and what differs by key, in causal order.

    `within_tick` counts fills at another price within the tick that slippage allows.
    """

    counts: dict[str, int]
    differences: dict[Key, ParityDifference]
    within_tick: int = 0


def compare(
    then: Mapping[Key, ParityItem],
    now: Mapping[Key, ParityItem],
    ticks: Mapping[str, Decimal],
    until: int | None = None,
    *,
    figures: bool = True,
) -> Compared:
    """Compare the items of a session with those of its rerun.

    `ticks` is by how much a price may differ, by contract (points). With `until` (UTC ns) only what
    came before it is compared, as a session without an end may lack what came after. Without
    `figures` a reason may name other numbers: those of a running clock and of slipped fills.
    """
    found = Compared(counts=dict(Counter(one.kind for one in then.values())), differences={})
    for key in dict.fromkeys([*then, *now]):
        one, other = then.get(key), now.get(key)
        difference = ParityDifference(then=one, now=other, fields={})
        if until is not None and (difference.ts >= until or difference.item.kind in OPEN_ENDED):
            continue
        if one is not None and other is not None:
            tolerance = ticks.get(one.contract, EXACT)
            fields = _fields(one.values, other.values, tolerance, figures=figures)
            if not fields:
                moved = one.kind == "fill" and one.values["price"] != other.values["price"]
                found.within_tick += moved
                continue
            difference.fields = fields
        found.differences[key] = difference
    order = {kind: n for n, kind in enumerate(KINDS)}
    found.differences = dict(
        sorted(found.differences.items(), key=lambda one: (one[1].ts, order[one[1].item.kind]))
    )
    return found


OPEN_ENDED = ("position", "outcome")
"""Kinds that say how it ended."""


def _fields(
    then: Mapping[str, Any], now: Mapping[str, Any], tolerance: Decimal, *, figures: bool
) -> dict[str, tuple[Any, Any]]:
    return {
        key: (then.get(key), now.get(key))
        for key in then
        if not _same(key, then.get(key), now.get(key), tolerance, figures=figures)
    }


def _same(key: str, then: Any, now: Any, tolerance: Decimal, *, figures: bool) -> bool:
    if then == now:
        return True
    if key in PRICES and tolerance and isinstance(then, Decimal) and isinstance(now, Decimal):
        return abs(then - now) <= tolerance
    if key == "reason" and not figures and isinstance(then, str) and isinstance(now, str):
        return FIGURE.sub("#", then) == FIGURE.sub("#", now)
    return False
