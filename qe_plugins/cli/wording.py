"""How figures read on a terminal: dollars in hundredths of a cent, one call and two calls."""

from __future__ import annotations

from decimal import Decimal


def dollars(amount: Decimal) -> str:
    """Return an amount as `$0.0123`; documents for programs keep all of its digits."""
    return f"${amount:,.4f}"


def counted(count: int, what: str) -> str:
    """Return `1 call` or `2 calls`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
