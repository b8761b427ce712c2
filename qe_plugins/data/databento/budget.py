"""What a run may spend. A retry of a stream that had begun is billed again, and counts."""

from __future__ import annotations

import threading
from decimal import Decimal

from qe_plugins.errors import DataError


def usd(dollars: Decimal) -> str:
    """Return an amount to the cent, and one below a dollar to the hundredth of a cent."""
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.4f}"


class Budget:
    """At most `limit` dollars for a purchase quoted at `quoted`.

    The quoted files are paid for from the start, so a retry can only take what they leave over.
    """

    def __init__(self, limit: Decimal, quoted: Decimal) -> None:
        self.limit, self.spent = limit, Decimal(0)
        self._committed = quoted
        self._lock = threading.Lock()

    def charge(self, dollars: Decimal, what: str, *, again: bool) -> None:
        """Take the price of one attempt. Raises DataError where a retry exceeds the limit."""
        with self._lock:
            if again:
                self._admit(dollars, what)
                self._committed += dollars
            self.spent += dollars

    def refund(self, dollars: Decimal, *, again: bool) -> None:
        """Give back the price of an attempt that the vendor refused before it sold anything."""
        with self._lock:
            self.spent -= dollars
            if again:
                self._committed -= dollars

    def _admit(self, dollars: Decimal, what: str) -> None:
        if self._committed + dollars > self.limit:
            raise DataError(
                f"the stream was cut, and a second try is billed again: {usd(dollars)} more would "
                f"bring this run to {usd(self._committed + dollars)}, above {usd(self.limit)}.",
                where=what,
                hint="Run the command again with a higher --max-cost: finished files are kept.",
            )
