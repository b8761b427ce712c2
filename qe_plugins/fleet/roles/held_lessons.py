"""Which lessons held in trades that were opened after they were written: only those are used."""

from __future__ import annotations

import math

import msgspec

from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.trade_variants import by_trade

TRADES = 30
"""Later trades by which a lesson is tested: once, since a test that is repeated passes at last."""


class HeldLesson(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson that was written at `known` and had held by `held`, both UTC nanoseconds.

    Its variant changed `trades` that were opened in between, of which `agreed` have its sign.
    """

    known: int
    held: int
    text: str
    basis: dict[str, object]
    trades: int
    agreed: int


def held_lessons(context: RoleContext) -> tuple[HeldLesson, ...]:
    """Return the written lessons whose sign later trades have more often than by chance.

    That is in more than 50% of the first 30 trades that it changes, by two standard errors. Of
    those that rest on the same variant the first is tested, since it has most trades after it; one
    that has held before is not written again.
    """
    known = sorted(context.learned, key=lambda one: one.ts_event)
    done = {one.body["basis"]["variant"] for one in known if "held" in one.body}
    values, found = by_trade(context), []
    for fact in known:
        basis = fact.body["basis"]
        variant, written = basis["variant"], int(fact.body["known"])
        if variant in done:
            continue
        done.add(variant)
        effects = [each.get(variant, 0.0) for trade, each in values if trade.opened > written]
        effects = [one for one in effects if one][:TRADES]
        agreed = sum(one * basis["effect"] > 0 for one in effects)
        count = len(effects)
        if count == TRADES and agreed / count > 0.5 + 1 / math.sqrt(count):
            text = str(fact.body["text"])
            found.append(
                HeldLesson(
                    known=written,
                    held=context.as_of,
                    text=text,
                    basis=basis,
                    trades=count,
                    agreed=agreed,
                )
            )
    return tuple(found)
