"""What plugins there are: the house's own, installed packages' and the project's agents."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from qe_plugins import project
from qe_plugins.errors import HookError, PluginError, did_you_mean
from qe_plugins.plugins import validation
from qe_plugins.plugins.base import Plugin
from qe_plugins.plugins.source_scan import PluginSource, sketch
from qe_plugins.safe_text import named

GROUP = "qe_plugins"
HOUSE = "quant-engine"
BUILT_IN = "built-in"


UNREAD = PluginSource()


@dataclass(frozen=True)
class Available:
    """A plugin that a configuration may name.

    `source` says who brings it: `built-in`, `entry point of DIST VERSION`, or a file in `agents/`.
    Where it failed to load, `cls` is None, `error` is the cause in one line and `details` the
    traceback; where it breaks a hook's contract, `cls` is there and `error` says so. `known` is
    what its source says, where it was not loaded.
    """

    name: str
    source: str
    cls: type[Plugin] | None = None
    error: str | None = None
    details: str | None = None
    known: PluginSource = UNREAD

    @property
    def role(self) -> str | None:
        """Return the desk it works for, None where that is not known."""
        return self.cls.role if self.cls else self.known.role

    @property
    def hooks(self) -> tuple[str, ...]:
        """Return the hooks that it implements, in the order of a trading day."""
        return validation.hooks_of(self.cls) if self.cls else self.known.hooks


@dataclass(frozen=True)
class _Offer:
    """A plugin that somebody offers, not yet imported."""

    name: str
    source: str
    load: Callable[[], Any]
    file: Path | None = None


def available() -> dict[str, Available]:
    """Import every plugin on offer and return them by name, those that fail to load as well."""
    return {name: _resolve(name, offers) for name, offers in sorted(_offers().items())}


def listed(wanted: Collection[str] = ()) -> dict[str, Available]:
    """Return every plugin on offer by name; of those not in `wanted`, what is known without
    running them: an agent's role and hooks from its source, of an installed one its distribution.
    """
    found: dict[str, Available] = {}
    for name, offers in sorted(_offers().items()):
        if name in wanted or len(offers) > 1 or offers[0].source == BUILT_IN:
            found[name] = _resolve(name, offers)
        else:
            read = sketch(offers[0].file) if offers[0].file else PluginSource()
            found[name] = Available(name, offers[0].source, error=read.error, known=read)
    return found


def find(name: str, *, where: str | None = None) -> Available:
    """Import the plugin called `name`, and no other, and return it.

    Raises PluginError where there is none, where it fails to load (with the traceback in
    `details`), or where two sources offer the name. `where` is the place that named it.
    """
    offers = _offers()
    if name not in offers:
        hint = did_you_mean(name, offers) or f"Available: {', '.join(sorted(offers)) or 'none'}."
        raise PluginError(f"no plugin is called '{name}'.", where=where, hint=hint)
    found = _resolve(name, offers[name])
    if found.cls is None:
        message = f"plugin '{name}' ({found.source}) cannot be used: {found.error}"
        raise PluginError(message, where=where, details=found.details)
    return found


def _offers() -> dict[str, list[_Offer]]:
    offers: dict[str, list[_Offer]] = {}
    for offer in [*_installed(), *_agents()]:
        offers.setdefault(offer.name, []).append(offer)
    return offers


def _installed() -> list[_Offer]:
    return [_Offer(e.name, _source(e), e.load) for e in entry_points(group=GROUP)]


def _source(entry: EntryPoint) -> str:
    if entry.dist is None:
        return "entry point"
    if entry.dist.name == HOUSE:
        return BUILT_IN
    return f"entry point of {entry.dist.name} {entry.dist.version}"


def _agents() -> list[_Offer]:
    root = project.enter(Path.cwd())
    files = sorted((root / "agents").glob("[!_]*.py")) if root else []
    return [
        _Offer(f.stem, f"agents/{f.name}", partial(importlib.import_module, f"agents.{f.stem}"), f)
        for f in files
    ]


def _resolve(name: str, offers: list[_Offer]) -> Available:
    source = ", ".join(offer.source for offer in offers)
    if len(offers) > 1:
        return Available(name, source, error="two plugins have this name; rename or remove one")
    try:
        plugin = _plugin_in(offers[0].load())
    except PluginError as error:
        return Available(name, source, error=str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        line = named(error).splitlines()[0]
        return Available(name, source, error=line, details=traceback.format_exc())
    try:
        validation.check(name, plugin)
    except HookError as error:
        return Available(name, source, plugin, error=str(error))
    return Available(name, source, plugin)


def _plugin_in(loaded: object) -> type[Plugin]:
    if inspect.isclass(loaded) and issubclass(loaded, Plugin):
        return loaded
    if not isinstance(loaded, ModuleType):
        raise PluginError(f"a plugin is a class derived from Plugin, was {loaded!r}")
    found = [c for c in vars(loaded).values() if _is_own_plugin(c, loaded)]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise PluginError(f"a module must define one class derived from Plugin, was {names}")
    plugin: type[Plugin] = found[0]
    return plugin


def _is_own_plugin(candidate: object, module: ModuleType) -> bool:
    return (
        inspect.isclass(candidate)
        and issubclass(candidate, Plugin)
        and candidate.__module__ == module.__name__
    )
