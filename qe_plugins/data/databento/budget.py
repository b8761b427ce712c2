"""Spending limit of one download. A retry of a stream that had started is billed again."""

from __future__ import annotations

import threading
from decimal import Decimal

from qe_plugins.errors import DataError


def usd(dollars: Decimal) -> str:
    """Return dollars as text: to the cent, below one dollar to the hundredth of a cent."""
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.4f}"


class Budget:
    """At most `limit` dollars for files that are quoted at `quoted` dollars in all.

    The quote is committed from the start, so a retry may only spend what it leaves over. Safe to
    use from several threads.
    """

    def __init__(self, limit: Decimal, quoted: Decimal) -> None:
        self.limit, self.spent = limit, Decimal(0)
        self._committed = quoted
        self._lock = threading.Lock()

    def charge(self, dollars: Decimal, what: str, *, again: bool) -> None:
        """Charge one attempt. Raises DataError where a retry (`again`) would exceed the limit."""
        with self._lock:
            if again:
                self._check_limit(dollars, what)
                self._committed += dollars
            self.spent += dollars

    def refund(self, dollars: Decimal, *, again: bool) -> None:
        """Refund an attempt that the vendor rejected before any data was sent."""
        with self._lock:
            self.spent -= dollars
            if again:
                self._committed -= dollars

    def _check_limit(self, dollars: Decimal, what: str) -> None:
        if self._committed + dollars > self.limit:
            raise DataError(
                f"the stream was cut, and another attempt is billed again: {usd(dollars)} more "
                f"would bring this run to {usd(self._committed + dollars)}, "
                f"above {usd(self.limit)}.",
                where=what,
                hint="Run the command again with a higher --max-cost: finished files are kept.",
            )
