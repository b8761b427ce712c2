"""What the server was paid for: one line of JSON a call, in a file that outlives every kill."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from tests.fakes.model_server.tariff import rates


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `request` is the SHA-256 of its exact body; `usd` is 0 where nothing is charged."""

    request: str
    model: str
    said: str
    input: int = 0
    cached: int = 0
    output: int = 0
    usd: Decimal = Decimal(0)

    @property
    def paid(self) -> bool:
        """Return whether the vendor charged for it."""
        return self.output > 0


class Bill:
    """Appends lines; each is one write, so that none is ever half there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def note(self, request: str, model: str, said: str, tokens: tuple[int, int, int]) -> None:
        """Write what a call used: input tokens, those of them from the cache, output."""
        line = Line(
            request=request,
            model=model,
            said=said,
            input=tokens[0],
            cached=tokens[1],
            output=tokens[2],
            usd=price(model, *tokens),
        )
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def price(model: str, prompt: int, cached: int, output: int, at: datetime | None = None) -> Decimal:
    """Return what the vendor charges for a call that ends at a moment, by default now."""
    whole, hit, out = rates(model, at or datetime.now(UTC))
    return ((prompt - cached) * whole + cached * hit + output * out) / 1_000_000


def lines(path: Path) -> list[Line]:
    """Return what was written so far, by whichever process."""
    whole, _, _ = path.read_bytes().rpartition(b"\n")  # another process may be writing the last
    return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]


def paid(path: Path) -> list[Line]:
    """Return the calls that were charged."""
    return [line for line in lines(path) if line.paid]


def total(path: Path) -> Decimal:
    """Return the sum of the bill in USD."""
    return sum((line.usd for line in lines(path)), Decimal(0))
