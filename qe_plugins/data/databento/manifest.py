"""The manifest of a dataset: which files are whole, what they hold, what was spent on them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole file. `path` is relative to the dataset's folder; `size` is bytes on the disk.

    `conditions` are the days of reduced quality, in the vendor's words; `dollars` is the quote
    it was bought at, None for an imported file.
    """

    path: str
    schema: str
    symbol: str
    stype_in: str
    start: date
    end: date
    rows: int
    size: int
    sha256: str
    got: datetime
    source: Literal["stream", "batch", "import"]
    dollars: Decimal | None = None
    conditions: dict[str, str] = {}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Money that left the account. A killed run leaves `open`, which may have been billed."""

    path: str
    dollars: Decimal
    at: datetime
    outcome: Literal["open", "whole", "cut"] = "open"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A batch job. Its `id` is None from before it is submitted until the vendor has named it."""

    path: str
    since: datetime
    dollars: Decimal
    id: str | None = None


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was paid for and is not as counted: `kept` is where it lies in the folder."""

    path: str
    kept: str
    rows: int
    counted: int
    since: datetime


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of one dataset's folder."""

    dataset: str
    files: dict[str, Entry] = {}
    receipts: list[Receipt] = []
    jobs: dict[str, Job] = {}
    aside: dict[str, Aside] = {}


def now() -> datetime:
    """Return the wall time to write down, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
