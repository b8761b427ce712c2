"""How a model server behaves: how long it takes, how many calls it takes, what goes wrong."""

from __future__ import annotations

import hashlib

import msgspec

FAULTS = (
    *("rate_limited", "unavailable", "stalled", "cut", "blank", "invalid", "prose", "refused"),
    *("unmetered", "garbled"),
)


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds, and parts of all calls that go wrong. Whether a call does depends on its exact
    request, the seed, and how often the request was sent, so the same calls fare the same.

    `jitter` spreads the latency by so much of itself. A `stalled` call is answered after `stall`.
    `cut` closes the socket within the body; `unmetered` leaves out the usage; `garbled` is no
    completion at all. `output_tokens` is what is charged for an answer, None counts its text.
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
