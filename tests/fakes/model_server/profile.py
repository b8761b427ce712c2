"""How a model server behaves: how long it takes, how many calls it takes, what goes wrong."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

FAULTS = (
    *("rate_limited", "unavailable", "stalled", "cut", "blank", "invalid", "prose", "refused"),
    *("unmetered", "garbled"),
    *("bad_utf8", "deep_text", "deep_body", "duplicate_keys", "error_200", "surrogate_400"),
    *("retry_nan", "no_money", "no_quota", "renamed", "reset", "http_502", "http_504", "http_524"),
    *("usage_zero", "usage_negative", "usage_cached", "usage_reasoning", "usage_huge"),
    *("ignores_max_tokens", "other_model"),
)


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds, and parts of all calls that go wrong. Whether a call does depends on its exact
    request, the seed, and how often the request was sent, so the same calls fare the same.

    `jitter` spreads the latency by so much of itself. A `stalled` call is answered after `stall`.
    `cut` closes the socket within the body; `unmetered` leaves out the usage; `garbled` is no
    completion at all. `reset` and the gateway's 502, 504 and 524 come after the answer was charged.
    A `usage_` fault lies about what is charged; `ignores_max_tokens` and `other_model` charge more
    than was asked for, and say so. `output_tokens` is what is charged for an answer, None counts
    its text. For `outage` seconds from the first call on, connections are reset before anything is
    done, or with `outage_503` so many calls of that time are turned away. A request that offers
    tools is answered with a call of the next of `tools`, and then with an answer; an `endless`
    model repeats the last one as long as it may. What it `says` stands in the fields of these
    names of its answers, as far as they have them. A model that `plays` does what each coordinator
    does in `coordinators.py`.
    """

    latency: float = 0.0
    jitter: float = 0.0
    slots: int = 2_500
    seed: int = 7
    stall: float = 30.0
    retry_after: float = 0.05
    output_tokens: int | None = None
    key: str | None = None
    first_only: bool = False
    rate_limited: float = 0.0
    unavailable: float = 0.0
    stalled: float = 0.0
    cut: float = 0.0
    blank: float = 0.0
    invalid: float = 0.0
    prose: float = 0.0
    refused: float = 0.0
    unmetered: float = 0.0
    garbled: float = 0.0
    bad_utf8: float = 0.0
    deep_text: float = 0.0
    deep_body: float = 0.0
    duplicate_keys: float = 0.0
    error_200: float = 0.0
    surrogate_400: float = 0.0
    retry_nan: float = 0.0
    no_money: float = 0.0
    no_quota: float = 0.0
    renamed: float = 0.0
    reset: float = 0.0
    http_502: float = 0.0
    http_504: float = 0.0
    http_524: float = 0.0
    usage_zero: float = 0.0
    usage_negative: float = 0.0
    usage_cached: float = 0.0
    usage_reasoning: float = 0.0
    usage_huge: float = 0.0
    ignores_max_tokens: float = 0.0
    other_model: float = 0.0
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    endless: bool = False
    plays: bool = False
    says: dict[str, Any] = {}
    outage: float = 0.0
    outage_503: float = 0.0

    @property
    def calm(self) -> bool:
        """Return whether nothing ever goes wrong."""
        return not any(getattr(self, name) for name in FAULTS)

    def fault(self, digest: str, nth: int) -> str | None:
        """Return what goes wrong with the `nth` sending of a request, counted from 0."""
        if self.first_only and nth:
            return None
        if self.calm:
            return None
        at = chance(self.seed, digest, nth, "fault")
        for name in FAULTS:
            at -= getattr(self, name)
            if at < 0:
                return name
        return None

    def takes(self, digest: str, nth: int) -> float:
        """Return how long the answer takes without a fault."""
        if not self.jitter:
            return self.latency
        spread = 2 * chance(self.seed, digest, nth, "latency") - 1
        return self.latency * (1 + self.jitter * spread)


def chance(*what: object) -> float:
    """Return a number from 0 up to 1 that depends on nothing but `what`."""
    digest = hashlib.sha256(repr(what).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
