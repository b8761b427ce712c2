"""Write generated data as a catalog in a folder of its own, with its known rolls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec

from qe_plugins import state_dir
from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.catalog.catalog import open_catalog
from qe_plugins.data.catalog.staging import staged
from qe_plugins.data.synthetic.generator import build
from qe_plugins.data.synthetic.label import ROLLS, SyntheticLabel, read_label
from qe_plugins.data.synthetic.roots import by_underlying, check_through_zero
from qe_plugins.data.synthetic.schedule import plan
from qe_plugins.errors import DataError, did_you_mean

ROOTS: tuple[str, ...] = get_args(get_type_hints(SyntheticSettings)["root"])


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog of one-minute bars; `made` says whether it was written now or existed already."""

    catalog: Path
    label: str
    roots: tuple[str, ...]
    contracts: int
    bars: int
    rolls: Path
    made: bool


def default_folder(settings: SyntheticSettings, roots: Sequence[str]) -> Path:
    """Return the default folder; its name has the settings."""
    names = "-".join(roots)
    name = f"synth-{names}-{settings.start}-{settings.years}y-seed{settings.seed}"
    return state_dir.data_dir() / name


def generate(
    settings: SyntheticSettings, roots: Sequence[str], out: Path | None = None
) -> Generated:
    """Write the data of `roots`, all or nothing; roots of one underlying share a price path.

    An existing catalog of the same settings is not changed. Raises DataError for another folder of
    its name, an unknown root, and one price for several underlyings.
    """
    _check_roots(settings, roots)
    place = (out or default_folder(settings, roots)).absolute()
    wanted = SyntheticLabel(tuple(roots), msgspec.structs.replace(settings, root=roots[0]))
    is_present = place.exists() and _exists(place, wanted)
    if not is_present:
        _write_catalog(wanted, place)
    opened = open_catalog(place, str(place))
    return Generated(
        catalog=place,
        label=wanted.label,
        roots=wanted.roots,
        contracts=len(opened.contracts),
        bars=sum(group.rows for one in opened.series for group in one.groups),
        rolls=place / ROLLS,
        made=not is_present,
    )


def _check_roots(settings: SyntheticSettings, roots: Sequence[str]) -> None:
    for root in roots:
        if root not in ROOTS:
            hint = did_you_mean(root, ROOTS) or f"There are {', '.join(ROOTS)}."
            raise DataError("no such root can be generated.", where=repr(root), hint=hint)
    if len(set(roots)) < len(roots) or not roots:
        raise DataError("each root must be named once.", where=",".join(roots) or "--roots")
    if len(by_underlying(roots)) > 1 and settings.open_price is not None:
        raise DataError(
            "one first price for several underlyings.",
            where=",".join(roots),
            hint="Leave the price out: each root then begins at its own.",
        )
    check_through_zero(settings, roots, "--through-zero")


def _exists(place: Path, wanted: SyntheticLabel) -> bool:
    if place.is_dir() and read_label(place, "catalog") == wanted:
        return True
    if place.is_dir() and not any(place.iterdir()):
        return False
    raise DataError("is already there.", where=str(place), hint="Name another folder with --out.")


def _write_catalog(wanted: SyntheticLabel, place: Path) -> None:
    parts = [
        (plan(wanted.settings, lambda key: f"--{key}", group[0]), group)
        for group in by_underlying(wanted.roots).values()
    ]
    with staged(place) as part:
        build(wanted.settings, parts, part)
