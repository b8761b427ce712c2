"""When a structure may be opened: implied above forecast volatility, and no event near."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from qe_plugins.options.surface import Surface
from qe_plugins.units import Duration, Fraction

SECOND = 1_000_000_000

Span = Annotated[Duration, msgspec.Meta(ge=0)]


class EntryRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an entry needs.

    The at-the-money volatility of the expiry is at least `premium` above the forecast of realised
    volatility. No entry is made from `before` until `after` one of `events` (UTC where they name no
    zone), since then the forecast does not know what the market pays for.
    """

    premium: Annotated[Fraction, msgspec.Meta(ge=0)] = 0.02
    events: tuple[datetime, ...] = ()
    before: Span = 86_400.0
    after: Span = 3_600.0


def entry_refusal(
    rules: EntryRules, surface: Surface, expiry: int, forecast: float | None, now: int
) -> str | None:
    """Return why no structure of an expiry may be opened at `now` (UTC ns), or None.

    Without a forecast, and without a slice of this moment, nothing is opened.
    """
    if (event := event_near(rules, now)) is not None:
        return f"the event of {event:%Y-%m-%d %H:%M} UTC is near"
    if expiry in surface.kept or expiry not in surface.slices:
        why = surface.kept.get(expiry) or surface.failed.get(expiry) or "no quotes"
        return f"no surface of this moment: {why}"
    if forecast is None:
        return "no forecast of realised volatility: too few sessions"
    implied = surface.slices[expiry].at_the_money
    if implied - forecast < rules.premium:
        return (
            f"implied {implied:.2%} less forecast {forecast:.2%} is {implied - forecast:+.2%}, "
            f"{rules.premium:.2%} is asked for"
        )
    return None


def event_near(rules: EntryRules, now: int) -> datetime | None:
    """Return an event whose window `now` (UTC ns) is in, or None."""
    moment = datetime.fromtimestamp(now // SECOND, UTC)
    for one in rules.events:
        event = one if one.tzinfo else one.replace(tzinfo=UTC)
        until = event + timedelta(seconds=rules.after)
        if event - timedelta(seconds=rules.before) <= moment < until:
            return event.astimezone(UTC)
    return None
