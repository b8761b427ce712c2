"""The folder of a sweep: its specification, and results appended as they finish."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.data import object_store
from qe_plugins.errors import ReportError
from qe_plugins.research import result_folders
from qe_plugins.research.grid import Axis
from qe_plugins.research.variants import VariantResult, VariantState

SWEEP, RESULTS, TABLE, PAGE = "sweep.json", "results.jsonl", "results.parquet", "sweep.html"
SWEEPS = "sweeps"
START = "Start one: `qe sweep FILE --grid KEY=VALUE,VALUE`."
TEXTS = ("fills_sha256", "currency", "data_label")


class SweepSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The specification of a sweep: id, name, configuration, overrides, grid, and its choice.

    `method` is `grid`, `random` or a sampler, which try `trials` points of the grid with `seed`.
    Variants that break a constraint of `where` are skipped; `objective` compares the others.
    """

    sweep: str
    name: str
    config: str
    overrides: tuple[str, ...]
    axes: tuple[Axis, ...]
    where: tuple[str, ...] = ()
    objective: str = "sharpe"
    method: str = "grid"
    trials: int | None = None
    seed: int = 1


def folder(sweep: str, out: Path | None = None) -> Path:
    """Return the folder of a new sweep; for an `s3://` URL the one that `publish` copies there.

    Raises ReportError if it is not empty.
    """
    if url := object_store.url_of(out):
        object_store.refuse_filled(url)
        out = None
    place = (out or state_dir.state_dir() / SWEEPS / sweep).absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        hint = "Name a new folder, or resume the sweep with --resume."
        raise ReportError("is not an empty folder.", where=str(place), hint=hint)
    return place


def find(text: str) -> Path:
    """Return the folder of the sweep `text`: a folder, an id or a prefix, a name, `last`, `last~1`.

    A sweep at an `s3://` URL is copied here unless its folder is here already.
    """
    if url := object_store.url_of(text):
        copied = object_store.fetched(url)
        place = state_dir.state_dir() / SWEEPS / read_spec(copied).sweep
        if not place.exists():
            shutil.copytree(copied, place)
        return place
    if (Path(text) / SWEEP).is_file():
        return Path(text).absolute()
    return result_folders.find(SWEEPS, SWEEP, text, "sweep", START, _name_of)


def listing() -> list[SweepSpec]:
    """Return the specifications of all sweeps that can be read, newest first."""
    found = []
    for sweep in reversed(result_folders.known(SWEEPS, SWEEP)):
        with suppress(ReportError):
            found.append(read_spec(state_dir.state_dir() / SWEEPS / sweep))
    return found


def _name_of(sweep: str) -> str:
    """Return the name of a sweep's configuration, empty where it cannot be read."""
    try:
        return read_spec(state_dir.state_dir() / SWEEPS / sweep).name
    except ReportError:
        return ""


def publish(place: Path, out: Path | str | None) -> str | None:
    """Copy the files of a sweep to `out` if that is an `s3://` URL, and return it.

    Raises DataError.
    """
    url = object_store.url_of(out)
    if url is not None:
        object_store.upload(place, url)
    return url


def write_spec(place: Path, spec: SweepSpec) -> None:
    """Write the specification atomically."""
    place.mkdir(parents=True, exist_ok=True)
    part = place / f".{SWEEP}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(spec, enc_hook=str)))
    os.replace(part, place / SWEEP)


def read_spec(place: Path) -> SweepSpec:
    """Return the specification of a sweep. Raises ReportError if it cannot be read."""
    try:
        return msgspec.json.decode((place / SWEEP).read_bytes(), type=SweepSpec)
    except (OSError, msgspec.MsgspecError) as error:
        raise ReportError(f"cannot be read: {error}.", where=str(place / SWEEP)) from error


def append_result(place: Path, result: VariantResult) -> None:
    """Append a result; earlier ones remain if the process dies."""
    with (place / RESULTS).open("ab") as file:
        file.write(msgspec.json.encode(result, enc_hook=str) + b"\n")


def finished(place: Path) -> dict[str, VariantResult]:
    """Return the finished results by content key; these variants need not run again."""
    return {one.variant.key: one for one in _results(place) if one.state is VariantState.FINISHED}


def failures(place: Path) -> Counter[str]:
    """Return how often each variant failed, by content key."""
    return Counter(one.variant.key for one in _results(place) if one.state is VariantState.FAILED)


def _results(place: Path) -> Iterator[VariantResult]:
    file = place / RESULTS
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        try:
            yield msgspec.json.decode(line, type=VariantResult)
        except msgspec.MsgspecError:  # a line that was only partly written
            continue


def write_table(place: Path, axes: Sequence[Axis], results: Sequence[VariantResult]) -> Path:
    """Write a Parquet table with one row per variant in the grid's order; return its path."""
    import polars as pl

    rows = [table_row(axes, result) for result in results]
    part, file = place / f".{TABLE}.part", place / TABLE
    pl.DataFrame(rows, infer_schema_length=None, strict=False).write_parquet(part)
    os.replace(part, file)
    return file


def table_row(axes: Sequence[Axis], result: VariantResult) -> dict[str, Any]:
    """Return a result as a flat row: number, settings, state, error, figures, key, seconds."""
    figures = {
        name: value
        for name, value in result.figures.items()
        if value is None or isinstance(value, (bool, int, float)) or name in TEXTS
    }
    return {
        "number": result.variant.number,
        **{axis.key: _plain_value(result.variant.settings[axis.key]) for axis in axes},
        "state": str(result.state),
        "error": result.error,
        **figures,
        "key": result.variant.key,
        "seconds": result.seconds,
    }


def _plain_value(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
