"""The version of a strategy: what its decisions depend on, as one hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.running.components import KINDS, components
from qe_plugins.engine.running.source_hashes import hashes_of

DECIDES = (
    "strategies",
    "actors",
    "exec_algorithms",
    "plugins",
    "posture",
    "risk",
    "expiry",
    "session",
)
"""Sections of a configuration that a strategy's decisions depend on, beside the bars it runs on."""

SHOWN = 12
"""Letters of a version that are shown."""


def version_of(loaded: Loaded) -> str:
    """Return the version (hex) of a configuration: its settings, its code, and the files it names.

    Files are those that a setting names, such as a book or a prompt. Data, rung, ladder, account
    and broker are no part of it. Raises QeError where a class cannot be imported.
    """
    every = [one for section in KINDS for one in components(loaded, section)]
    return version(loaded.resolved, hashes_of(loaded, every))


def version(config: Mapping[str, Any], code: Mapping[str, str]) -> str:
    """Return the version (hex) of a resolved configuration and the hashes of its sources."""
    settings = {name: config.get(name) for name in DECIDES}
    settings["bars"] = config.get("data", {}).get("bars")
    content = {"settings": settings, "code": dict(code), "files": dict(_files(settings))}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _files(value: object) -> Iterator[tuple[str, str]]:
    """Yield the files that settings name, each with the hash of its content."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _files(one)
    elif isinstance(value, list):
        for one in value:
            yield from _files(one)
    elif isinstance(value, str) and "." in value and len(value) < 250 and "\0" not in value:
        try:
            if (file := Path(value)).is_file():
                yield value, hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            return
