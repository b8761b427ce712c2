"""Which features failed `qe features check`, with the formulas of today; in the state folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import FeatureError
from qe_plugins.features.checks.invariances import BrokenInvariance
from qe_plugins.features.store import formulas_hash


class CheckRecord(msgspec.Struct, frozen=True):
    """Features that failed, with the invariance that each broke, and the formulas they had."""

    formulas: str
    failed: dict[str, str] = {}


def file() -> Path:
    """Return the file of the record."""
    return state_dir.state_dir() / "features" / "failed_checks.json"


def failed() -> dict[str, str]:
    """Return the invariance that each feature broke when it was checked last.

    Nothing is known of features whose formulas have changed since. Raises FeatureError for a record
    that cannot be read.
    """
    return dict(_read().failed)


def note(checked: Iterable[str], findings: Iterable[BrokenInvariance]) -> None:
    """Keep what a check found of features; those that passed are no longer in the record."""
    passed = set(checked)
    known = {name: why for name, why in _read().failed.items() if name not in passed}
    found = {one.feature: one.invariance for one in findings}
    if not found and not file().exists():
        return
    file().parent.mkdir(parents=True, exist_ok=True)
    part = file().with_name(f".{file().name}.part")
    part.write_bytes(msgspec.json.encode(CheckRecord(formulas_hash(), known | found)))
    os.replace(part, file())


def _read() -> CheckRecord:
    fresh = CheckRecord(formulas_hash())
    if not file().exists():
        return fresh
    try:
        known = msgspec.json.decode(file().read_bytes(), type=CheckRecord)
    except (OSError, msgspec.DecodeError) as error:
        hint = "Remove it and check again."
        raise FeatureError(f"cannot be read: {error}.", where=str(file()), hint=hint) from error
    return known if known.formulas == fresh.formulas else fresh
