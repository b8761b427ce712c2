"""Budgets, settings of a client, and counters of what it has done."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qe_plugins.llm.requests import Usage
from qe_plugins.units import Money


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in USD; None is no limit. `ranks` limits the calls of one rank within a scan.

    A day is a day of UTC, and its limit holds for every process that shares the ledger.
    """

    call: Money | None = None
    scan: Money | None = None
    day: Money | None = None
    ranks: dict[str, Money] = {}


NONE = Budgets()


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times are in seconds.

    `concurrency` limits the calls in flight at each provider, besides the provider's own limit.
    A call that took `hedge_after` times the median, and at least `hedge_least`, is sent a second
    time, while such calls are fewer than `hedge_share` of all; 0 sends none. A call turned away
    is retried `retries` times, first after `backoff`. `patience` is how long a request waits for a
    provider that only fails, `others` how long a call waits for budget that only other processes
    have reserved. In a `replay` no call is made: a miss is an error.
    """

    concurrency: int = 1_000
    timeout: float = 30.0
    retries: int = 4
    backoff: float = 0.5
    hedge_after: float = 3.0
    hedge_least: float = 1.0
    hedge_share: float = 0.08
    patience: float = 15.0
    others: float = 0.0
    replay: bool = False


class ClientStats(msgspec.Struct, kw_only=True):
    """Counters of a client. All but `replayed` are about calls made now.

    `sent` counts calls, `paid` those that cost something, `hedged` and `retried` those sent again;
    `asked` counts requests, of which `replayed` were found, `answered` were answered, `failed`
    were not, and `late` came after their deadline. `usd` is settled, `reserved` is in flight at
    worst case. `refused` counts calls that exceeded a budget, by its kind: `day`, `scan`, `rank`,
    `call`; `doubts` counts the usages that were not believed, by the reason.
    """

    asked: int = 0
    replayed: int = 0
    answered: int = 0
    failed: int = 0
    late: int = 0
    in_flight: int = 0
    sent: int = 0
    paid: int = 0
    hedged: int = 0
    retried: int = 0
    usage: Usage = Usage()
    usd: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    refused: dict[str, int] = {}
    doubts: dict[str, int] = {}
