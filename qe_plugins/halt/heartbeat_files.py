"""Heartbeats as small files, replaced at every beat; the age of a file is that of the heartbeat.

The age is not a time in the file: a replay runs on the clock of its data.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from qe_plugins.halt.latch import write_atomically
from qe_plugins.safe_text import in_words


def write_heartbeat(file: Path, status: msgspec.Struct) -> None:
    """Replace a file by a status. Not synced to disk. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, msgspec.json.encode(status), durable=False)


def read_heartbeats[Status: msgspec.Struct](
    folder: Path, kind: type[Status]
) -> tuple[list[tuple[float, Status]], list[str]]:
    """Return age in seconds and status of each file of a folder, by name, and what cannot be read,
    a line each.
    """
    found, unreadable = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            age = max(time.time() - file.stat().st_mtime, 0.0)
            found.append((age, msgspec.json.decode(file.read_bytes(), type=kind)))
        except FileNotFoundError:
            continue  # it has just ended
        except (OSError, msgspec.DecodeError, UnicodeError) as error:
            unreadable.append(f"{file}: {in_words(error)}")
    return found, unreadable
