"""What a book was made with, as hashes; a book of anything else refuses to trade."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.bars import Bars
from qe_plugins.errors import ConfigError
from qe_plugins.features.families import family_hash, registered_families
from qe_plugins.features.feed import ListedContract
from qe_plugins.features.source import bars_of, contracts_of, source_hash
from qe_plugins.features.store import catalogue_hash, formulas_hash
from qe_plugins.research.factors import book as books
from qe_plugins.research.factors.book import FactorBook
from qe_plugins.research.factors.settings import FactorSettings, load

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape

CODE = ("book.py", "decisions.py", "session_scores.py", "sizing.py", "split.py")
"""The modules that compute labels, halves, forecasts and sizes."""

AGAIN = "Test and combine again."


@cache
def code_hash() -> str:
    """Return the first 16 hex digits of the SHA-256 of the code behind forecasts and sizes."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def division_hash(settings: FactorSettings) -> str:
    """Return the hash of what decisions, labels and halves are."""
    parts = settings.decisions, settings.label, settings.split
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def bars_hash(
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    roots: Sequence[str],
    first: int,
    last: int,
) -> str:
    """Return the hash of the bars of some roots that close from `first` to `last` (UTC ns)."""
    listed = {one.id for one in contracts if one.root in roots}
    cut = {}
    for name in listed & set(bars):
        a, b = bars[name].ts_event.searchsorted([first, last + 1]).tolist()
        if b > a:
            cut[name] = bars[name][a:b]
    return source_hash(cut)


def current(text: str) -> FactorBook:
    """Return the book of a name or file. Raises ConfigError where it may not trade."""
    file = books.find(text)
    found = books.load(file)
    check_current(found, file)
    return found


def check_current(book: FactorBook, file: Path) -> None:
    """Raise ConfigError where features, code or the test's split are others than in the book.

    The split is compared where the file of the test is there. Raises PluginError where the book
    reads the families of a plugin that cannot be loaded.
    """
    made = [
        ("another catalogue of features", book.catalogue, catalogue_hash()),
        ("other formulas", book.formulas, formulas_hash()),
        ("other code", book.code, code_hash()),
    ]
    if Path(book.config).is_file():
        now = division_hash(load(book.config, book.overrides).settings)
        made.append(("another split, label or decisions", book.division, now))
    found = registered_families() if book.families else {}
    for name, then in (book.families or {}).items():
        now = family_hash(found[name]) if name in found else "none"
        made.append((f"another family '{name}'", then, now))
    for what, then, now in made:
        if then != now:
            message = f"was made with {what} ({then}, now {now})."
            raise ConfigError(message, where=str(file), hint=AGAIN)


def check_bars(book: FactorBook, place: str, tape: Tape) -> None:
    """Raise ConfigError where a tape has the days of the test, and other bars on them.

    Days that the test did not have are no objection: they are what a book is for.
    """
    contracts = contracts_of(tape)
    covered = tape.start <= book.first and book.last <= tape.end
    if not covered or not set(book.roots) <= {one.root for one in contracts}:
        return
    now = bars_hash(bars_of(tape), contracts, book.roots, book.first, book.last)
    if now != book.data:
        message = f"was made with other data ({book.data}, now {now})."
        raise ConfigError(message, where=place, hint=AGAIN)
