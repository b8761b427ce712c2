"""The mapping file (YAML) of a user's bars: columns, zone, stamps, contract."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.schema import Section
from qe_plugins.config.yaml_reader import read
from qe_plugins.data.catalog.bar_spec import length_of
from qe_plugins.errors import DataError

BY_FILE = "file"


class MappedColumns(Section, frozen=True, kw_only=True):
    """Names of the columns. With `date`, a time is the texts of `date` and `time` together.

    `contract` is the column of contracts, such as `ESH24`, where a file has several.
    """

    time: str = "time"
    open: str = "open"
    high: str = "high"
    low: str = "low"
    close: str = "close"
    volume: str = "volume"
    date: str | None = None
    contract: str | None = None


class BarMapping(Section, frozen=True, kw_only=True):
    """How to read bars. `zone` and `stamp` have no default: a wrong guess shifts every bar.

    `zone` is that of times that name none, `stamp` whether a time is a bar's open or its close.
    `contract` is one contract, or `file` for files whose names begin with it (`ESH24-1m.csv`).
    `time_format` is strftime's, by default ISO 8601; `time_unit` is that of numbers since 1970.
    """

    zone: str
    stamp: Literal["open", "close"]
    bars: str = "1-MINUTE-LAST"
    contract: str | None = None
    time_format: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    separator: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    columns: MappedColumns = MappedColumns()

    def __post_init__(self) -> None:
        if length_of(self.bars) is None:
            raise ValueError(f"bars must be such as 1-MINUTE-LAST, was {self.bars!r}")
        if (self.contract is None) == (self.columns.contract is None):
            raise ValueError("exactly one of contract and columns.contract must be given")
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"zone must be such as America/Chicago or UTC, was {self.zone!r}"
            ) from None

    @property
    def step(self) -> int:
        """Return the length of a bar in nanoseconds."""
        length = length_of(self.bars)
        assert length
        return length


def read_mapping(file: Path) -> BarMapping:
    """Return the mapping in a file. Raises ConfigError at the line that is wrong."""
    mapping: BarMapping = Decoder().decode(BarMapping, read(file))
    return mapping


def contract_of_file(mapping: BarMapping, file: Path) -> str | None:
    """Return the contract of a whole file, None where a column names it.

    Raises DataError for `contract: file` and a name that does not begin with a contract.
    """
    if mapping.contract != BY_FILE:
        return mapping.contract
    if found := re.match(r"[A-Z0-9]{2,4}\d(?=[^A-Za-z0-9]|$)", file.name):
        return found[0]
    raise DataError(
        "does not begin with a contract such as ESH24.",
        where=str(file),
        hint="Rename the file, or write the contract into the mapping.",
    )
