"""Stop calling a provider that only fails, then try it with one call."""

from __future__ import annotations

import asyncio


class CircuitBreaker:
    """Open after `failures` in a row, for `rest` seconds; then one call is let through.

    A 429 is not a failure: the provider answers.
    """

    def __init__(self, failures: int = 20, rest: float = 5.0) -> None:
        self._most, self._rest = failures, rest
        self._in_a_row = 0
        self._open_until: float | None = None
        self._trying = False
        self.why = ""

    def wait(self) -> float:
        """Return for how many seconds a call must wait; after 0 the caller must report a result."""
        if self._open_until is None:
            return 0.0
        left = self._open_until - asyncio.get_running_loop().time()
        if left > 0:
            return left
        if self._trying:
            return self._rest / 10
        self._trying = True
        return 0.0

    def answered(self) -> None:
        """Record any response of the provider."""
        self._in_a_row, self._open_until, self._trying = 0, None, False

    def failed(self, why: str = "") -> None:
        """Record a failure or a timeout. `why` is its text, of which the last is stored."""
        self.why = why
        self._in_a_row += 1
        if self._trying or self._in_a_row >= self._most:
            self._open_until = asyncio.get_running_loop().time() + self._rest
        self._trying = False

    def abandoned(self) -> None:
        """Record a call that ended without a result from the provider."""
        self._trying = False
