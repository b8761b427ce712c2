"""One variant of a sweep: its settings, its result, and the content key for reuse."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import project


class VariantState(StrEnum):
    """The state of a variant."""

    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One point of the grid: its `number` in the order of the sweep, from 1, and its settings."""

    number: int
    key: str
    settings: dict[str, Any]


class VariantResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a variant: the figures of its run, or the error."""

    variant: Variant
    state: VariantState
    figures: dict[str, Any] = {}
    error: str | None = None
    seconds: float = 0.0


def content_key(base: Mapping[str, Any], settings: Mapping[str, Any], sources: str) -> str:
    """Return 16 hex digits of the hash of resolved base, settings and project code.

    The base counts without its `sweep:`, which no run reads.
    """
    run = {key: value for key, value in base.items() if key != "sweep"}
    content = msgspec.json.encode([run, settings, sources], order="sorted", enc_hook=str)
    return hashlib.sha256(content).hexdigest()[:16]


def sources_sha256(start: Path) -> str:
    """Return the SHA-256 (hex) of strategies and agents: changed code is another variant."""
    digest = hashlib.sha256()
    root = project.find_root(start) or start
    for package in project.PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            digest.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
