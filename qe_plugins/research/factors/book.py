"""A book: factors frozen with their weights, as YAML that refuses to be used when changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from qe_plugins.config.yaml_reader import dump, read
from qe_plugins.errors import ConfigError, DataError
from qe_plugins.features.store import catalogue_hash, formulas_hash
from qe_plugins.research.factors.factor_test import FactorData, FactorResult
from qe_plugins.research.factors.session_scores import Z_CLIP, standardize
from qe_plugins.research.factors.settings import Combination, FactorSettings

HASH = "hash"


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


class FactorBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Factors with weights, and hashes of what they were found with.

    `every` and `horizon` are seconds; `lockbox` is a span of dates that the test did not read.
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
    average: float
    cap: float
    multiplier: float
    factors: list[BookFactor]

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


def combine(
    settings: FactorSettings,
    test: str,
    result: FactorResult,
    data: FactorData,
    values: dict[str, np.ndarray],
    accepted: dict[str, str],
) -> FactorBook:
    """Return a book of a test's factors. `values` has each chosen feature at the decisions.

    Weights, scalars and the diversification multiplier come from the explore half alone. Raises
    DataError where nothing may enter a book.
    """
    chosen = choose(result, accepted)
    explore = data.halves.explore
    columns = np.column_stack([values[one.name] for one in chosen])
    found = standardize(columns, explore)
    z = found.z[explore].astype(np.float64)
    signs = np.array([1 if one.t[0] > 0 else -1 for one in chosen])
    scalars = settings.combine.average / np.abs(z).mean(axis=0)
    weights = np.full(len(chosen), 1 / len(chosen))
    forecasts = z * signs * scalars
    return FactorBook(
        name=settings.name,
        test=test,
        config=result.config,
        overrides=result.overrides,
        roots=result.roots,
        every=settings.decisions.every,
        session=settings.decisions.session,
        horizon=settings.label.horizon,
        split=f"explore {settings.split.explore}, confirm {settings.split.confirm}",
        lockbox=[day.isoformat() for day in settings.split.lockbox or ()],
        catalogue=catalogue_hash(),
        formulas=formulas_hash(),
        average=settings.combine.average,
        cap=settings.combine.cap,
        multiplier=_multiplier(forecasts, weights, settings.combine),
        factors=[
            BookFactor(
                name=one.name,
                sign=int(signs[k]),
                weight=float(weights[k]),
                centre=float(found.centre[k]),
                scale=float(found.scale[k]),
                mean=float(found.mean[k]),
                scalar=float(scalars[k]),
                accepted=accepted.get(one.name, ""),
            )
            for k, one in enumerate(chosen)
        ],
    )


def choose(result: FactorResult, accepted: dict[str, str]) -> list[Any]:
    """Return the factors that may enter a book: one of each cluster, and those accepted by name.

    Raises DataError for an accepted feature that was not tested, and where there is none at all.
    """
    tested = {one.name: one for one in result.factors}
    for name in accepted:
        if name not in tested:
            raise DataError(f"'{name}' was not tested.", hint="`qe factors show` lists factors.")
    heads = {one.cluster: one for one in reversed(result.family_wise)}
    chosen = {one.name: one for one in heads.values()} | {n: tested[n] for n in accepted}
    if not chosen:
        raise DataError(
            "no factor is significant among all that were tested, so that a book would be empty.",
            hint="A person may take one with --accept NAME --because REASON.",
        )
    return [one for one in result.factors if one.name in chosen]


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


def check_current(book: FactorBook, file: Path) -> None:
    """Raise ConfigError where features are computed otherwise than when the book was made."""
    for what, made, now in (
        ("another catalogue of features", book.catalogue, catalogue_hash()),
        ("other formulas", book.formulas, formulas_hash()),
    ):
        if made != now:
            hint = "Test and combine again."
            raise ConfigError(
                f"was made with {what} ({made}, now {now}).", where=str(file), hint=hint
            )


def _multiplier(forecasts: np.ndarray, weights: np.ndarray, settings: Combination) -> float:
    """Return 1 over the deviation of the combined forecast, in those of one; at most `dm_max`."""
    if len(weights) == 1:
        return 1.0
    correlation = np.clip(np.corrcoef(forecasts.T), 0, 1)
    return float(min(settings.dm_max, 1 / math.sqrt(weights @ correlation @ weights)))


def names(result: FactorResult, accepted: Sequence[str]) -> list[str]:
    """Return the features whose values `combine` needs."""
    return [one.name for one in choose(result, dict.fromkeys(accepted, ""))]
