"""A Databento file as smaller ones: the loader keeps a whole file's records in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import zstandard

from qe_plugins.data.dbn_file import PRELUDE, decompressed, header_size

RECORDS = 100_000


def slices(path: Path, folder: Path, records: int = RECORDS) -> Iterator[Path]:
    """Yield files in `folder` of at most `records` each, in order. A file is gone after its turn.

    The file must be whole, as `check_whole` sees to.
    """
    for number, content in enumerate(_contents(path, records)):
        part = folder / f"{number}.dbn.zst"
        part.write_bytes(zstandard.compress(content, 1))
        yield part
        part.unlink()


def _contents(path: Path, records: int) -> Iterator[bytes]:
    """Yield header and records of each slice; of a file without records nothing."""
    held = bytearray()
    header, size = b"", 0
    for piece in decompressed(path):
        held += piece
        if not header and len(held) > PRELUDE and len(held) > header_size(held):
            header = bytes(held[: header_size(held)])
            del held[: len(header)]
            size = records * 4 * held[0]
        while header and len(held) >= size:
            yield header + held[:size]
            del held[:size]
    if header and held:
        yield header + held
