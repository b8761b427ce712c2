"""Review a closed trade: P&L in units of risk, excursions, costs, and the votes behind it.

One R is the money at risk when the trade was opened: from its entry to the stop of its signal. A
trade without such a signal is reviewed in money alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from qe_plugins import Plugin, Review, Role, Rung, Trade, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache

MINUTE = 60_000_000_000
ZERO = Decimal(0)


class AnalystTrades(Plugin):
    """Describes a closed trade in a sentence and in figures."""

    role = Role.ANALYST

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.multipliers: dict[str, Decimal] = {}
        self.rung = ""

    @hookimpl
    def engine_started(self, cache: Cache) -> None:
        """Store each contract's multiplier, in currency a point."""
        for contract in cache.instruments():
            self.multipliers[str(contract.id)] = contract.multiplier.as_decimal()

    @hookimpl
    def rung_changed(self, after: Rung) -> None:
        """Store the rung that a demotion led to: later reviews name it."""
        self.rung = after.name

    @hookimpl
    def trade_closed(self, trade: Trade) -> Review:
        """Return the review of the trade."""
        risk = self.risk(trade)
        facts = figures(trade)
        if risk:
            facts |= in_risk(trade, risk)
        if self.rung:
            facts["rung"] = self.rung
        parts = [result(trade, facts), excursion(trade, facts), costs(trade), votes(trade)]
        summary = "; ".join([part for part in parts if part]) + "."
        return Review(trade_id=trade.id, summary=summary, facts=facts)

    def risk(self, trade: Trade) -> Decimal | None:
        """Return the money at risk at the entry, None where no stop is known."""
        multiplier = self.multipliers.get(trade.instrument_id)
        stop = trade.votes[-1].stop if trade.votes else None
        if stop is None or multiplier is None:
            return None
        return abs(trade.entry - stop) * multiplier * trade.quantity


def figures(trade: Trade) -> dict[str, Any]:
    """Return the facts that every trade has. Money in the trade's currency, slippage in points."""
    facts = {
        "pnl": str(trade.pnl),
        "commissions": str(trade.commissions),
        "minutes": round((trade.closed - trade.opened) / MINUTE, 1),
        "votes": {vote.source: f"{vote.side} {vote.confidence:.2f}" for vote in trade.votes[:-1]},
    }
    if trade.slippage is not None:
        facts["slippage"] = str(trade.slippage)
    return facts


def in_risk(trade: Trade, risk: Decimal) -> dict[str, Any]:
    """Return P&L and excursions in units of the money at risk."""
    facts = {"risk": str(risk), "r": ratio(trade.pnl, risk)}
    if trade.excursion is not None:
        facts["best_r"] = ratio(trade.excursion.favorable, risk)
        facts["worst_r"] = ratio(trade.excursion.adverse, risk)
    return facts


def ratio(money: Decimal, risk: Decimal) -> float:
    """Return money in units of risk, rounded to two digits."""
    return round(float(money / risk), 2)


def result(trade: Trade, facts: dict[str, Any]) -> str:
    """Return what was traded, and its P&L, as text."""
    verb = "won" if trade.pnl > ZERO else "lost" if trade.pnl else "made"
    text = f"{trade.side!s} {trade.quantity!s} {trade.instrument_id} {verb} "
    text += f"{abs(trade.pnl):.2f} {trade.currency}"
    text += f" ({facts['r']:+.2f} R)" if "r" in facts else ""
    return f"{text} in {facts['minutes']:.0f} min"


def excursion(trade: Trade, facts: dict[str, Any]) -> str:
    """Return the excursions of the trade as text, empty without any."""
    if "best_r" in facts:
        return f"best {facts['best_r']:+.2f} R, worst {facts['worst_r']:+.2f} R"
    if trade.excursion is not None:
        best, worst = trade.excursion.favorable, trade.excursion.adverse
        return f"best {best:+.2f} {trade.currency}, worst {worst:+.2f} {trade.currency}"
    return ""


def costs(trade: Trade) -> str:
    """Return commissions and slippage of the trade as text."""
    paid = f"paid {trade.commissions:.2f} {trade.currency}"
    return paid if trade.slippage is None else f"{paid}, slipped {trade.slippage:+.2f} points"


def votes(trade: Trade) -> str:
    """Return the votes behind the trade as text."""
    cast = [f"{v.source} voted {v.side} ({v.confidence:.2f})" for v in trade.votes[:-1]]
    return ", ".join(cast) or "no votes"
