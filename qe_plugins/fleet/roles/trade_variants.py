"""What each variant of a closed trade would have added: other exits, entry, size, and fewer votes.

In mean true ranges of a minute before the entry, so that trades of different days add up. Every
variant could have been traded: none uses what was not known at its time, and a fill in the place of
a real one pays half of the trade's slippage, as if that were shared by entry and exit.
"""

from __future__ import annotations

from collections.abc import Sequence

from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.tasks.snapshot import MINUTE, SnapshotBars
from qe_plugins.plugins.types import Side, Signal, Trade

LATER = {"exit_15m_later": 15, "exit_60m_later": 60}
TIMED = {"out_after_30m": 30, "out_after_120m": 120}
"""Minutes after the entry at which a variant leaves. None leaves so long before the real exit: that
one is not known by then.
"""

NOISE_BARS = 60


def by_trade(context: RoleContext) -> list[tuple[Trade, dict[str, float]]]:
    """Return the context's trades that have closed, by their close, each with its variants."""
    known = sorted(context.trades, key=lambda one: one.closed)
    past = context.past or context.market
    return [
        (one, _variants(one, past.bars(one.instrument_id, "1m")))
        for one in known
        if one.closed <= context.as_of
    ]


def _variants(trade: Trade, bars: SnapshotBars) -> dict[str, float]:
    """Return what each variant adds. One that needs bars that are not there is left out."""
    opened = int(bars.ts.searchsorted(trade.opened, side="left"))
    closed = int(bars.ts.searchsorted(trade.closed, side="left"))
    if not NOISE_BARS <= opened <= closed < len(bars):
        return {}
    window = slice(opened - NOISE_BARS, opened)
    unit = float((bars.high[window] - bars.low[window]).mean())
    if not unit > 0:
        return {}
    sign = 1.0 if trade.side is Side.LONG else -1.0
    entry, leave = float(trade.entry), float(trade.exit)
    slippage = max(float(trade.slippage or 0), 0.0) / 2  # a gap in its favour is no saving
    found = {}
    for name, minutes in LATER.items():
        price = _close_at(bars, trade.closed + minutes * MINUTE)
        if price is not None:
            found[name] = (sign * (price - leave) - slippage) / unit
    for name, minutes in TIMED.items():
        moment = trade.opened + minutes * MINUTE
        if moment >= trade.closed:
            found[name] = 0.0
        elif (price := _close_at(bars, moment)) is not None:
            found[name] = (sign * (price - leave) - slippage) / unit
    if opened + 1 < closed:
        later = float(bars.close[opened + 1])
        found["entry_a_bar_later"] = (sign * (entry - later) - slippage) / unit
    earned = sign * (leave - entry) / unit
    found["half_the_size"] = -0.5 * earned
    return found | {
        f"without_{source}"[:40]: (part - 1.0) * earned
        for source, part in without_each_vote(trade).items()
    }


def without_each_vote(trade: Trade) -> dict[str, float]:
    """Return by plugin what part of the trade is left without its votes.

    1 where the others give the same side, 0 where they give none, -1 where they give the other one.
    They are resolved by weight of confidence, as `arbiter_vote` does by default.
    """
    found = {}
    for source in dict.fromkeys(one.source for one in trade.votes):
        side = _resolved([one for one in trade.votes if one.source != source])
        found[source] = 0.0 if side is None else 1.0 if side is trade.side else -1.0
    return found


def _resolved(votes: Sequence[Signal]) -> Side | None:
    """Return the side with most of the weight, None for a tie, without votes, and for flat."""
    weights = dict.fromkeys(Side, 0.0)
    for one in votes:
        weights[one.side] += one.confidence
    best = max(weights, key=lambda side: weights[side])
    won = best is not Side.FLAT and weights[best] > sum(weights.values()) / 2
    return best if won else None


def _close_at(bars: SnapshotBars, moment: int) -> float | None:
    """Return the last close by a moment (UTC ns), None where it is old or not known yet."""
    at = int(bars.ts.searchsorted(moment, side="right")) - 1
    if at < 0 or moment > int(bars.ts[-1]) or moment - int(bars.ts[at]) > 5 * MINUTE:
        return None
    return float(bars.close[at])
