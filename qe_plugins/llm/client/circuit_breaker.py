"""A provider that only fails is left alone for a while, then tried with one call."""

from __future__ import annotations

import asyncio


class CircuitBreaker:
    """Open after `failures` in a row, for `rest` seconds; then one call may try.

    A 429 is no failure: whoever says so is alive.
    """

    def __init__(self, failures: int = 20, rest: float = 5.0) -> None:
        self._most, self._rest = failures, rest
        self._in_a_row = 0
        self._open_until: float | None = None
        self._trying = False
        self.why = ""

    def wait(self) -> float:
        """Return for how many seconds a call must wait; 0 lets it go, and it must then report."""
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
        """Note that the provider answered, whatever it said."""
        self._in_a_row, self._open_until, self._trying = 0, None, False

    def failed(self, why: str = "") -> None:
        """Note that it failed or did not answer, and what it said; `why` is the last of that."""
        self.why = why
        self._in_a_row += 1
        if self._trying or self._in_a_row >= self._most:
            self._open_until = asyncio.get_running_loop().time() + self._rest
        self._trying = False

    def given_up(self) -> None:
        """Note that a call ended without telling anything of the provider."""
        self._trying = False
