"""One Databento file: its header, its content, and whether it is complete.

A file cut short loads without error in Databento's and Nautilus' readers, which return the records
before the cut. So every file is read to the end of its last zstd frame before it is used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import databento_dbn
import msgspec
import zstandard

from qe_plugins.errors import DataError

STEP = 1 << 12
"""Compressed bytes unpacked at a time: at worst they become a hundred megabytes."""

FREE_BYTES, MAX_RATIO = 64 << 20, 100
"""A file may unpack to FREE bytes, and beyond that to DENSEST times its own size."""

PRELUDE = 8  # "DBN", version, length of the metadata that follows
MAGIC = b"DBN"


class DbnFile(msgspec.Struct, frozen=True):
    """Header fields of a file. `symbols` are the raw names that its records resolve to."""

    path: Path
    schema: str
    continuous: bool
    symbols: tuple[str, ...]
    dataset: str = ""


def read_header(path: Path, place: str) -> DbnFile:
    """Return a file's header. Raises DataError for a file that is not DBN or cut short."""
    head = b""
    try:
        for block in decompressed(path):
            head += block
            if len(head) >= PRELUDE and len(head) >= header_size(head):
                break
        if not head.startswith(MAGIC):
            raise _not_dbn_error(path, place)
        metadata = databento_dbn.Metadata.decode(head[: header_size(head)])
    except EOFError as error:
        raise _cut_short_error(path, place) from error
    except (zstandard.ZstdError, databento_dbn.DBNError) as error:
        raise _not_dbn_error(path, place) from error
    return DbnFile(
        path,
        schema=str(metadata.schema),
        continuous=str(metadata.stype_in) == "continuous",
        symbols=tuple(sorted(metadata.mappings)),
        dataset=str(metadata.dataset),
    )


def open_stream(raw: BinaryIO) -> zstandard.ZstdDecompressionReader:
    """Return the decompressed content of an open file as a stream."""
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)


def read_bytes(stream: zstandard.ZstdDecompressionReader, wanted: int) -> bytes:
    """Return the next `wanted` bytes of a stream, fewer at its end: one read may return fewer."""
    parts = []
    while wanted and (part := stream.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def read_metadata(stream: zstandard.ZstdDecompressionReader) -> databento_dbn.Metadata:
    """Read the header at the start of a stream; the first record follows."""
    prelude = read_bytes(stream, PRELUDE)
    rest = read_bytes(stream, header_size(prelude) - PRELUDE)
    return databento_dbn.Metadata.decode(prelude + rest)


def check_whole(path: Path, place: str) -> int:
    """Read a file to its end and return its record count. Raises DataError if it is cut short."""
    size, head = 0, b""
    try:
        for block in decompressed(path):
            if len(head) < PRELUDE or len(head) <= header_size(head):
                head += block
            size += len(block)
    except EOFError as error:
        raise _cut_short_error(path, place) from error
    except zstandard.ZstdError as error:
        raise DataError(
            f"{path} is damaged: {error}.", where=place, hint="Download the file again."
        ) from error
    body = size - header_size(head)
    if not body:
        return 0
    if not (size_of_one := 4 * head[header_size(head)]):
        raise DataError(
            f"{path}, record 1: field 'length' cannot be 0.",
            where=place,
            hint="Download the file again.",
        )
    records, rest = divmod(body, size_of_one)
    if rest:
        raise _cut_short_error(path, place)
    return records


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def decoding(file: DbnFile, place: str) -> Iterator[None]:
    """Turn the errors of loader and catalog for damaged records into DataError."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        raise DataError(
            f"{file.path} cannot be decoded: {error}.", where=place, hint="Download the file again."
        ) from error


def decompressed(path: Path) -> Iterator[bytes]:
    """Yield the content, frame after frame. Raises EOFError when the last frame is incomplete.

    Raises DataError for a file that unpacks to far more than market data does.
    """
    frame = zstandard.ZstdDecompressor().decompressobj()
    total, limit = 0, FREE_BYTES + MAX_RATIO * path.stat().st_size
    with path.open("rb") as file:
        while compressed := file.read(STEP):
            while compressed:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                content = frame.decompress(compressed)
                total += len(content)
                if total > limit:
                    raise DataError(
                        f"{path} unpacks to more than {limit // 1_000_000:,} MB.",
                        hint="Market data does not compress so well: this is not market data.",
                    )
                yield content
                compressed = frame.unused_data
    if not frame.eof:
        raise EOFError


def header_size(head: bytes | bytearray) -> int:
    """Return the size of the header in bytes; `head` is the start of the content."""
    return PRELUDE + int.from_bytes(head[4:PRELUDE], "little")


def _not_dbn_error(path: Path, place: str) -> DataError:
    return DataError(
        f"{path} is not a Databento file.",
        where=place,
        hint="Give files as Databento delivers them: DBN, compressed with zstd (.dbn.zst).",
    )


def _cut_short_error(path: Path, place: str) -> DataError:
    return DataError(
        f"{path} is cut short: its last records are missing.",
        where=place,
        hint="Download the file again.",
    )


class CompleteFile(msgspec.Struct, frozen=True):
    """A file that was read to its end. `size` is bytes on the disk."""

    path: Path
    header: DbnFile
    rows: int
    size: int
    sha256: str


def read_whole(path: Path, where: str) -> CompleteFile:
    """Read a file to its end and sync it to the disk. Raises DataError where it is cut short."""
    header = read_header(path, where)
    rows = check_whole(path, where)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return CompleteFile(path, header, rows, path.stat().st_size, digest(path))


RECORDS = 100_000


def slices(path: Path, folder: Path, records: int = RECORDS) -> Iterator[Path]:
    """Yield files in `folder` of at most `records` records each, in order.

    Each is removed when the next is requested. The source must be complete (`check_whole`).
    """
    for number, content in enumerate(_slice_contents(path, records)):
        part = folder / f"{number}.dbn.zst"
        part.write_bytes(zstandard.compress(content, 1))
        yield part
        part.unlink()


def _slice_contents(path: Path, records: int) -> Iterator[bytes]:
    """Yield header and records of each slice; nothing for a file without records."""
    buffered = bytearray()
    header, size = b"", 0
    for block in decompressed(path):
        buffered += block
        if not header and len(buffered) > PRELUDE and len(buffered) > header_size(buffered):
            header = bytes(buffered[: header_size(buffered)])
            del buffered[: len(header)]
            size = records * 4 * buffered[0]
        while header and len(buffered) >= size:
            yield header + buffered[:size]
            del buffered[:size]
    if header and buffered:
        yield header + buffered
