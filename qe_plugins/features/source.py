"""The bars of a tape as columns by contract, without an object for each bar."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from qe_plugins.bars import NUMBERS, STAMPS, Bars
from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.data.tape import Tape
from qe_plugins.features.feed import ListedContract


def contracts_of(tape: Tape) -> list[ListedContract]:
    """Return the contracts of a tape."""
    return [
        ListedContract(str(one.id), one.underlying, one.expiration_ns) for one in tape.contracts
    ]


def bars_of(tape: Tape) -> dict[str, Bars]:
    """Return the bars of each contract of a tape, oldest first."""
    found: dict[str, Bars] = {}
    for one in tape.series:
        if one.kind is not RecordKind.BARS:
            continue
        files = sorted(one.files)
        frame = (
            scanned(files, *NUMBERS)
            .filter(pl.col("ts_init").cast(pl.Int64).is_between(tape.start, tape.end))
            .select(*(pl.col(n).cast(pl.Int64) for n in STAMPS), *NUMBERS)
            .sort("ts_event", maintain_order=True)
            .collect()
        )
        columns = {name: frame[name].to_numpy().astype(np.int64) for name in STAMPS}
        columns |= {name: frame[name].to_numpy().astype(np.float64) for name in NUMBERS}
        found[one.contract] = Bars(one.name, columns)
    return found


def source_hash(bars: Mapping[str, Bars]) -> str:
    """Return the first 16 hex digits of the SHA-256 of bars by contract."""
    digest = hashlib.sha256()
    for contract in sorted(bars):
        digest.update(contract.encode())
        for name in ("ts_event", *NUMBERS):
            digest.update(np.ascontiguousarray(bars[contract].columns[name]).tobytes())
    return digest.hexdigest()[:16]
