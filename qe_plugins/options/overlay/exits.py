"""When a structure is closed: profit taken, time, loss, and the weekend before expiry."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec

from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import session_on
from qe_plugins.options.overlay.entries import SECOND
from qe_plugins.options.overlay.sequence import CostToClose
from qe_plugins.units import Fraction

DAY_NS = 86_400 * SECOND
BEFORE_CLOSE = timedelta(hours=2)


class ExitRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`profit` is the part of the credit at which it is taken, `loss` the multiple of the credit
    that buying the structure back costs when it is given up, `days` before expiry the last ones.
    """

    profit: Annotated[Fraction, msgspec.Meta(gt=0, lt=1)] = 0.5
    loss: Annotated[float, msgspec.Meta(gt=1)] = 2.0
    days: Annotated[float, msgspec.Meta(ge=0)] = 21.0


def exit_reason(
    rules: ExitRules,
    root: str,
    expiry: int,
    credit: Decimal,
    cost: CostToClose | None,
    now: int,
) -> str | None:
    """Return why a structure is to be closed at `now` (UTC ns), or None.

    `credit` is what it brought in and `cost` what buying it back costs now, both in points; without
    a `cost`, because a short option is not offered, only time closes it. A cost that is not of
    quotes alone closes nothing for its loss: a bid that is missing for a minute is no loss.
    """
    days = (expiry - now) / DAY_NS
    if days <= rules.days:
        return f"{days:.1f} days to expiry, {rules.days:g} are the last"
    if datetime.fromtimestamp(now // SECOND, UTC) >= weekend_before(root, expiry):
        return "the weekend before expiry"
    if cost is None:
        return None
    if cost.points <= credit * (1 - Decimal(str(rules.profit))):
        return f"profit: sold at {credit:.2f}, costs {cost.points:.2f} points"
    if cost.is_quoted and cost.points >= credit * Decimal(str(rules.loss)):
        return f"loss: sold at {credit:.2f}, costs {cost.points:.2f} points"
    return None


def weekend_before(root: str, expiry: int) -> datetime:
    """Return when a structure must be closed, since the weekend before its expiry follows (UTC).

    It is two hours before the close of the week's last session, so that time is left to close.
    """
    day: date = datetime.fromtimestamp(expiry // SECOND, CHICAGO).date()
    friday = day - timedelta(days=(day.weekday() - 4) % 7 or 7)
    while (session := session_on(root, friday)) is None:
        friday -= timedelta(days=1)
    return session.close - BEFORE_CLOSE
