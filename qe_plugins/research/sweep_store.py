"""A sweep's folder: what is asked, and each result as it comes, to be taken up again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from qe_plugins import state_dir
from qe_plugins.errors import ReportError
from qe_plugins.research.grid import Axis
from qe_plugins.research.variants import VariantResult, VariantState

SWEEP, RESULTS, TABLE, PAGE = "sweep.json", "results.jsonl", "results.parquet", "sweep.html"
TEXTS = ("fills_sha256", "currency", "data_label")


class SweepSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep is: its id, its name, the configuration and the grid."""

    sweep: str
    name: str
    config: str
    overrides: tuple[str, ...]
    axes: tuple[Axis, ...]


def folder(sweep: str, out: Path | None = None) -> Path:
    """Return the folder of a new sweep. Raises ReportError for one that is in use."""
    place = (out or state_dir.state_dir() / "sweeps" / sweep).absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        hint = "Name a new folder, or go on with it by --resume."
        raise ReportError("is not an empty folder.", where=str(place), hint=hint)
    return place


def find(text: str) -> Path:
    """Return the folder of the sweep that `text` means: a folder, an id or its start, `last`."""
    if (Path(text) / SWEEP).is_file():
        return Path(text).absolute()
    shelf = state_dir.state_dir() / "sweeps"
    known = sorted(place.parent for place in shelf.glob(f"*/{SWEEP}"))
    found = known[-1:] if text == "last" else [p for p in known if p.name.startswith(text)]
    found = [place for place in found if place.name == text] or found
    if len(found) == 1:
        return found[0]
    hint = f"There is {', '.join(place.name for place in known[-5:])}." if known else None
    was = f"'{text}' begins {len(found)} sweeps." if found else f"no sweep '{text}'."
    raise ReportError(was, hint=hint)


def write_asked(place: Path, asked: SweepSpec) -> None:
    """Write what is asked, whole or not at all."""
    place.mkdir(parents=True, exist_ok=True)
    part = place / f".{SWEEP}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(asked, enc_hook=str)))
    os.replace(part, place / SWEEP)


def read_asked(place: Path) -> SweepSpec:
    """Return what was asked."""
    try:
        return msgspec.json.decode((place / SWEEP).read_bytes(), type=SweepSpec)
    except (OSError, msgspec.MsgspecError) as error:
        raise ReportError(f"cannot be read: {error}.", where=str(place / SWEEP)) from error


def keep(place: Path, result: VariantResult) -> None:
    """Append a result: it is there whatever happens to the rest."""
    with (place / RESULTS).open("ab") as file:
        file.write(msgspec.json.encode(result, enc_hook=str) + b"\n")


def finished(place: Path) -> dict[str, VariantResult]:
    """Return the results that need not be found again, by content key."""
    file = place / RESULTS
    found = {}
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        try:
            result = msgspec.json.decode(line, type=VariantResult)
        except msgspec.MsgspecError:  # the line on which a power cut came
            continue
        if result.state is VariantState.FINISHED:
            found[result.variant.key] = result
    return found


def write_table(place: Path, axes: Sequence[Axis], results: Sequence[VariantResult]) -> Path:
    """Write one row a variant, in the grid's order: settings, state, figures."""
    rows = [row(axes, result) for result in results]
    part, file = place / f".{TABLE}.part", place / TABLE
    pl.DataFrame(rows, infer_schema_length=None, strict=False).write_parquet(part)
    os.replace(part, file)
    return file


def row(axes: Sequence[Axis], result: VariantResult) -> dict[str, Any]:
    """Return one result flat: number, settings by key, state, error, figures, key, seconds."""
    figures = {
        name: value
        for name, value in result.figures.items()
        if value is None or isinstance(value, (bool, int, float)) or name in TEXTS
    }
    return {
        "number": result.variant.number,
        **{axis.key: _cell(result.variant.settings[axis.key]) for axis in axes},
        "state": str(result.state),
        "error": result.error,
        **figures,
        "key": result.variant.key,
        "seconds": result.seconds,
    }


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
