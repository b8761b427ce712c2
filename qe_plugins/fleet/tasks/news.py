"""Headlines from a file, point in time: none published after a moment is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from qe_plugins.errors import DataError

NEWEST = 3


class Headline(msgspec.Struct, frozen=True):
    """One line of the file: an ISO time, UTC where it names no zone, and the text."""

    ts: datetime
    text: str


def read_news(file: Path, as_of: int) -> tuple[str, ...]:
    """Return the newest headlines published by `as_of` (UTC ns), oldest first.

    Raises DataError for a file that cannot be read, or a line that is no headline.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise DataError("cannot be read.", where=str(file), hint="Check 'news:'.") from error
    known = [
        _decode_headline(line, f"{file}:{n}") for n, line in enumerate(lines, 1) if line.strip()
    ]
    at = datetime.fromtimestamp(as_of / 1e9, UTC)
    published = sorted((one for one in known if one.ts <= at), key=lambda one: one.ts)
    return tuple(one.text for one in published[-NEWEST:])


def _decode_headline(line: bytes, where: str) -> Headline:
    try:
        one = msgspec.json.decode(line, type=Headline)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        hint = 'Write lines such as {"ts": "2026-11-23T14:30:00Z", "text": "..."}.'
        raise DataError(f"not a headline: {error}.", where=where, hint=hint) from error
    return one if one.ts.tzinfo else msgspec.structs.replace(one, ts=one.ts.replace(tzinfo=UTC))
