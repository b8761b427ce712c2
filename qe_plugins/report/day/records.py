"""The parts of a day's report."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec


class DayTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that closed in the day. Prices and money are decimals as text, times UTC ns."""

    run_id: str
    trade: str
    strategy: str
    instrument: str
    side: str
    quantity: str
    opened: int
    closed: int
    entry: str
    exit: str
    pnl: Decimal
    currency: str


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was decided, refused or happened: when (UTC ns), by what, and its text."""

    at: int
    source: str
    text: str


class DayRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that one guardian refused in the day, with the reason of the last one."""

    plugin: str
    count: int
    last: str


class DayMark(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the chart: `kind` is bar, entry, exit, stop or veto; `until` is a stop's end."""

    kind: str
    at: int
    price: float
    until: int | None = None


class DayNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that needs a person, with its one action in the Observatory."""

    title: str
    why: str
    href: str | None


class DayEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next, and when (UTC)."""

    name: str
    at: datetime


class DayReport(msgspec.Struct, frozen=True, kw_only=True):
    """A session day: from 17:00 Chicago of the day before to 17:00 of the day.

    `net` is the P&L of the trades by currency, after fees. `open` are the contracts held at the
    end, negative when short. `parity` is clean, red, or None where nothing was compared.
    `model_usd` is what the models' calls of that UTC day cost, or the steps of a desk's day where
    that is more. `hunts` and `failed` count the desk's hunts that ended, and its steps that failed;
    both are None where no desk ran. `left_out` counts lines of each list that are not in it.
    `needs` are filled for the present day only.
    """

    day: date
    begin: datetime
    end: datetime
    sentence: str
    runs: list[str]
    trades: list[DayTrade]
    net: dict[str, Decimal]
    open: dict[str, Decimal]
    parity: str | None
    decisions: list[DayLine]
    refusals: list[DayRefusal]
    disagreements: list[DayLine]
    events: list[DayLine]
    model_usd: Decimal
    model_calls: int
    needs: list[DayNeed]
    next: list[DayEvent]
    left_out: dict[str, int]
    marks: list[DayMark]
    hunts: int | None = None
    failed: int | None = None

    @property
    def net_of_models(self) -> Decimal | None:
        """Return the P&L after fees and models in USD; None where trades were in other money."""
        if set(self.net) - {"USD"}:
            return None
        return self.net.get("USD", Decimal(0)) - self.model_usd

    @property
    def usd_a_decision(self) -> Decimal | None:
        """Return what models cost for each hunt, in USD; None without one."""
        return self.model_usd / self.hunts if self.hunts else None
