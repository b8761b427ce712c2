"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from qe_plugins import stop_signals


@contextmanager
def staged(place: Path) -> Iterator[Path]:
    """Yield an empty folder beside `place` to write into, which then becomes `place`.

    `place` does not exist, or is empty. An error or a stop signal removes what was written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    try:
        part.chmod(0o755)
        with stop_signals.undone_by(partial(stop_signals.removed, part)):
            yield part
            os.replace(part, place)  # over an empty folder too
    finally:
        shutil.rmtree(part, ignore_errors=True)
