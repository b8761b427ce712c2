"""The hashes of the source of a run's strategies and plugins, to tell later what has changed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from qe_plugins import plugins

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.engine.running.components import Component
    from qe_plugins.engine.running.prepare import PreparedRun


def source_hashes(prepared: PreparedRun) -> dict[str, str]:
    """Return the hashes of a prepared run; see `hashes_of`."""
    return hashes_of(prepared.loaded, prepared.components)


def hashes_of(loaded: Loaded, components: Iterable[Component]) -> dict[str, str]:
    """Return the SHA-256 (16 hex digits) of the file that defines each component and plugin.

    The keys are those of the configuration: `strategies.ema_cross`, `plugins.guardian_limits`. A
    class without a file is left out.
    """
    classes: dict[str, type | None] = {
        f"{one.section}.{one.name}": one.author for one in components
    }
    for name in loaded.config.plugins:
        classes[f"plugins.{name}"] = plugins.find(name).cls
    found = {key: _hash(cls) for key, cls in classes.items() if cls is not None}
    return {key: digest for key, digest in found.items() if digest}


def _hash(cls: type) -> str:
    try:
        file = inspect.getsourcefile(cls)
        content = Path(file).read_bytes() if file else b""
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(content).hexdigest()[:16] if content else ""
