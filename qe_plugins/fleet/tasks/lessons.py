"""Lessons of earlier trades from a file, as of a moment.

A lesson learned later would carry the future into the past. In addition the two halves by which
reviews are validated, odd and even months, are kept apart: a lesson of an odd month is not given
in an even one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from qe_plugins.errors import DataError

MOST = 5


class Lesson(msgspec.Struct, frozen=True):
    """One line of the file: when it was known (ISO, UTC where it names no zone), and the text."""

    known: datetime
    text: str


def read_lessons(file: Path, as_of: int) -> tuple[str, ...]:
    """Return the newest lessons known by `as_of` (UTC ns) from months of the same parity.

    Raises DataError for a file that cannot be read, or a line that is no lesson.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise DataError("cannot be read.", where=str(file), hint="Check 'lessons:'.") from error
    every = [_decoded(line, f"{file}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    at = datetime.fromtimestamp(as_of / 1e9, UTC)
    known = [one for one in every if one.known <= at and one.known.month % 2 == at.month % 2]
    return tuple(one.text for one in sorted(known, key=lambda one: one.known)[-MOST:])


def _decoded(line: bytes, where: str) -> Lesson:
    try:
        one = msgspec.json.decode(line, type=Lesson)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        hint = 'Write lines such as {"known": "2026-11-23T14:30:00Z", "text": "..."}.'
        raise DataError(f"not a lesson: {error}.", where=where, hint=hint) from error
    known = one.known if one.known.tzinfo else one.known.replace(tzinfo=UTC)
    return msgspec.structs.replace(one, known=known.astimezone(UTC))
