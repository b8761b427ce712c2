"""The SYNTHETIC label in a catalog of generated bars, shown wherever it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.rolls import KnownRoll
from qe_plugins.errors import DataError

LABEL, ROLLS = "synthetic.json", "rolls.json"


class SyntheticLabel(msgspec.Struct, frozen=True):
    """How a catalog was generated."""

    roots: tuple[str, ...]
    settings: SyntheticSettings

    @property
    def label(self) -> str:
        """Return the label that users see."""
        *most, last = self.roots
        roots = f"{', '.join(most)} and {last}" if most else last
        return f"SYNTHETIC {roots} tape, seed {self.settings.seed} (not market data)"


def write_label(
    folder: Path, made: SyntheticLabel, rolls: Mapping[str, Sequence[KnownRoll]]
) -> None:
    """Write the label, and the known rolls by root, into a catalog's folder."""
    for name, what in ((LABEL, {"label": made.label, "made": made}), (ROLLS, rolls)):
        (folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(what)))


def read_label(folder: Path, place: str) -> SyntheticLabel | None:
    """Return how a catalog was generated, None for any other catalog.

    Raises DataError, at `place`, for a label that cannot be read.
    """
    file = folder / LABEL
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Label).made
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(
            f"cannot be read: {error}.",
            where=f"{place}: {file}",
            hint="Generate the tape again with 'qe data synth'.",
        ) from error


class _Label(msgspec.Struct, frozen=True):
    label: str
    made: SyntheticLabel
