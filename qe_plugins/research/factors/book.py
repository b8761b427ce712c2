"""A book: factors frozen with their weights, as YAML that refuses to be used when changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np

from qe_plugins.config.yaml_reader import dump, read
from qe_plugins.errors import ConfigError, DataError
from qe_plugins.research.factors.session_scores import Z_CLIP
from qe_plugins.state_dir import state_dir

HASH = "hash"
MICRO = "M"
RISK = 2.0
"""Deviations of the horizon in 1 R: where `hunter_factors` puts its stop."""


class BookFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A factor of a book: its forecast is sign x z x scalar, with z as in the test.

    `accepted` is why a person took it though it is not significant among all that were tested.
    """

    name: str
    sign: int
    weight: float
    centre: float
    scale: float
    mean: float
    scalar: float
    accepted: str = ""


class BookClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a ladder may believe of a book: `edge` and `sd` in R a trade after costs.

    Measured in the confirm half: a trade follows a forecast of average size or more over the
    horizon, and 1 R is `RISK` deviations of it. `a_day` is the number of such trades; `capacity`
    is in contracts of the costs' root.
    """

    edge: float
    sd: float
    a_day: float
    family_wise: bool
    deflated_sharpe: float
    capacity: int


class FactorBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Factors with weights, and hashes of what they were found with.

    `every` and `horizon` are seconds; `lockbox` is a span of dates that the test did not read.
    `division` is the hash of what decisions, labels and halves were, `data` that of the bars from
    `first` to `last` (UTC ns), `code` that of the modules that compute the forecast, `families`
    those of the families of plugins that it reads, by name. `instruments` has the weight of each
    root, `diversification` the multiplier of all of them.
    """

    name: str
    test: str
    config: str
    overrides: list[str]
    roots: list[str]
    every: float
    session: str
    horizon: float
    split: str
    lockbox: list[str]
    catalogue: str
    formulas: str
    division: str
    data: str
    first: int
    last: int
    code: str
    average: float
    cap: float
    multiplier: float
    factors: list[BookFactor]
    instruments: dict[str, float] = {}
    diversification: float = 1.0
    claim: BookClaim | None = None
    families: dict[str, str] | msgspec.UnsetType = msgspec.UNSET

    @property
    def hash(self) -> str:
        """Return the first 16 hex digits of the SHA-256 of the book's content."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    def forecast(self, value: Callable[[str], float]) -> float:
        """Return the combined forecast from the value of each feature; NaN where one is unknown.

        10 is an average forecast by default, positive for long, and `cap` the largest.
        """
        total = 0.0
        for one in self.factors:
            found = value(one.name)
            if not math.isfinite(found):
                return math.nan
            z = max(-Z_CLIP, min(Z_CLIP, (found - one.centre) / one.scale)) - one.mean
            total += one.weight * max(-self.cap, min(self.cap, one.sign * z * one.scalar))
        return max(-self.cap, min(self.cap, self.multiplier * total))

    def forecasts(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `forecast` of each row of the features' values."""
        total: np.ndarray | float = 0.0
        for one in self.factors:
            found = values[one.name].astype(np.float64)
            z = np.clip((found - one.centre) / one.scale, -Z_CLIP, Z_CLIP) - one.mean
            own = np.clip(one.sign * z * one.scalar, -self.cap, self.cap)
            total = total + one.weight * own
        return np.clip(self.multiplier * total, -self.cap, self.cap)

    def share(self, root: str) -> float:
        """Return the part of the risk that a root has: its weight times the diversification.

        A micro contract has that of the contract it is a part of. Raises ConfigError for a root
        that the book was not tested on.
        """
        known = self.instruments or dict.fromkeys(self.roots, 1 / len(self.roots))
        for name in (root, root.removeprefix(MICRO)):
            if name in known:
                return known[name] * self.diversification
        raise ConfigError(
            f"was tested on {', '.join(known)}, not on {root}.",
            where=f"book {self.name}",
            hint="Trade one of its roots, or test and combine again.",
        )


def write(book: FactorBook, file: Path) -> None:
    """Write a book as YAML with its hash. Raises DataError where another book is there."""
    if file.exists() and load(file).hash != book.hash:
        raise DataError(
            "is another book.", where=str(file), hint="Name a new file: books do not change."
        )
    content = msgspec.to_builtins(book)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(dump({HASH: book.hash, **content}))
    part.replace(file)


def find(text: str) -> Path:
    """Return the file of a book, by its path or by its name in the state folder."""
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return Path(text).expanduser()
    return default_file(text)


def default_file(name: str) -> Path:
    """Return the file of a book of a name in the state folder."""
    return state_dir() / "books" / f"{name}.yaml"


def load(file: Path) -> FactorBook:
    """Return the book in a file. Raises ConfigError for another content than its hash says."""
    if not file.exists():
        hint = "Make one with `qe factors combine`."
        raise ConfigError("no such book.", where=str(file), hint=hint)
    content = read(file).to_plain()
    written = content.pop(HASH, None)
    try:
        book = msgspec.convert(content, FactorBook)
    except msgspec.ValidationError as error:
        raise ConfigError(f"is not a book: {error}.", where=str(file)) from error
    if book.hash != written:
        hint = "A book is not edited: test and combine again."
        message = f"was changed: its hash is {book.hash}, written is {written}."
        raise ConfigError(message, where=str(file), hint=hint)
    return book
