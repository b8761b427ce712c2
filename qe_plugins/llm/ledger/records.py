"""Records of the ledger: attempts, costs, and the error of a budget that is used up."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import msgspec

from qe_plugins.llm.requests import Request, Usage, day_of, scopes

PICO = Decimal(10) ** 12


class OverBudget(Exception):  # noqa: N818 - an outcome, not a mistake
    """A limit is reached. `used_up`: also when the calls in flight cost nothing."""

    def __init__(self, scope: str, limit: Decimal, *, used_up: bool) -> None:
        self.scope, self.limit, self.used_up = scope, limit, used_up
        super().__init__(f"the limit of {limit} USD for {scope} is reached")

    @property
    def kind(self) -> str:
        """Return what kind of limit it is: day, scan, rank or call."""
        return self.scope.partition(":")[0]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call about to be sent, with its worst-case cost in USD."""

    key: str
    scan: str
    request: Request
    worst: Decimal
    started_ns: int

    @property
    def day(self) -> str:
        """Return the UTC day that pays for it."""
        return day_of(self.started_ns)

    def scopes(self) -> tuple[str, str, str]:
        """Return the scopes of the budgets that it counts against."""
        return scopes(self.day, self.scan, self.request.rank)


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one group of calls cost.

    `usd` is settled; `in_doubt` is the worst case of calls that were sent and never settled: those
    `open` now, and those that a process left which was killed.
    """

    group: str
    calls: int
    open: int
    usd: Decimal
    in_doubt: Decimal
    usage: Usage


class ScanUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan sent: so many `calls` for so many `requests`, `paid` of which cost something.

    `settled` counts the requests of which a call was settled, `usd` is what those cost; `in_doubt`
    is the worst case of the calls that were sent and never settled.
    """

    calls: int
    requests: int
    settled: int
    paid: int
    usd: Decimal
    in_doubt: Decimal


class LastCall(msgspec.Struct, frozen=True):
    """The last call of a node of a scan: the key of its request, and what came of it.

    `answer` is the text that the scan goes by, `failure` why it has none; both are None while the
    call runs.
    """

    key: str
    answer: str | None
    failure: str | None


def pico(usd: Decimal) -> int:
    """Return an amount in picodollars, rounded up."""
    return int((usd * PICO).to_integral_value(ROUND_CEILING))


def dollars(amount: int) -> Decimal:
    """Return picodollars in USD."""
    return (Decimal(amount) / PICO).normalize() if amount else Decimal(0)
