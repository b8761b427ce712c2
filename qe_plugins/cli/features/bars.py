"""What the commands of `qe features` share: the data, and names from patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.errors import DataError, FeatureError

if TYPE_CHECKING:
    from qe_plugins.config.schema import DataSettings
    from qe_plugins.features.tape import CheckTape
    from qe_plugins.plugins.types import Family

GENERATED = 40
"""Sessions of generated bars, where no data is named."""


def data_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option `--data` to a command."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, exists=True),
        help="A configuration with `data:`, or a DBN file or folder.  [default: generated bars]",
    )(command)


def named(
    patterns: Iterable[str], every: bool, families: Mapping[str, Family] | None = None
) -> list[str]:
    """Return the features that patterns name, in the order of the catalogue.

    A registered family is meant where a pattern ends in its name: `1h.NAME`, `*.NAME`, or `NAME`
    for that of minutes. Raises FeatureError for an unknown name, and for a pattern that names
    nothing.
    """
    from qe_plugins.features.catalogue import TIMEFRAMES, catalogue, entry_of

    known, families = list(catalogue()), families or {}
    found = dict.fromkeys(known) if every else {}
    for pattern in patterns:
        rest = pattern.partition(".")[2]
        if pattern in families:
            found[f"1m.{pattern}"] = None
        elif any(sign in pattern for sign in "*?["):
            listed = [f"{one}.{rest}" for one in TIMEFRAMES] if rest in families else known
            matching = [name for name in listed if fnmatchcase(name, pattern)]
            if not matching:
                message = f"no feature matches '{pattern[:80]}'."
                raise FeatureError(message, hint="`qe features list --all` has them.")
            found |= dict.fromkeys(matching)
        else:
            if rest not in families:
                entry_of(pattern, [*families, *(f"1m.{one}" for one in families)])
            found[pattern] = None
    if not found:
        raise FeatureError("no feature was named.", hint="Name one, a pattern, or --all.")
    return list(found)


def tape_of(data: Path | None) -> CheckTape:
    """Return the bars of a configuration, of DBN data, or generated ones.

    Raises DataError where they are not of one minute.
    """
    return tape_and_settings(data)[0]


def tape_and_settings(data: Path | None) -> tuple[CheckTape, DataSettings]:
    """Return what `tape_of` does, and where the bars come from."""
    from qe_plugins.config.loader import load
    from qe_plugins.config.schema import DataSettings, SyntheticSettings
    from qe_plugins.data.tape import open_tape
    from qe_plugins.features.source import bars_of, contracts_of
    from qe_plugins.features.tape import CheckTape

    if data is None:
        settings = DataSettings(synthetic=SyntheticSettings(sessions=GENERATED))
        tape = open_tape(settings, lambda key: key)
    elif data.suffix in (".yaml", ".yml"):
        loaded = load(data)
        settings = loaded.config.data
        tape = open_tape(settings, lambda key: loaded.where("data", key))
    else:
        settings = DataSettings(dbn=str(data))
        tape = open_tape(settings, lambda _: str(data))
    if not settings.bars.startswith("1-MINUTE"):
        message = f"features are checked and computed from one-minute bars, was {settings.bars}."
        raise DataError(message, where=str(data), hint="Write 'bars: 1-MINUTE-LAST'.")
    return CheckTape(bars_of(tape), contracts_of(tape)), settings
