"""Find plugins: built-in ones, those of installed packages, and the project's `agents/`."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from qe_plugins import project
from qe_plugins.errors import HookError, PluginError, did_you_mean
from qe_plugins.plugins import validation
from qe_plugins.plugins.base import Plugin
from qe_plugins.plugins.source_scan import PluginSource, sketch
from qe_plugins.safe_text import named

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "qe_plugins"
DISTRIBUTION = "quant-engine"
BUILT_IN = "built-in"


UNREAD = PluginSource()


@dataclass(frozen=True)
class Available:
    """A plugin that a configuration may name.

    `source` is `built-in`, `entry point of DIST VERSION`, or a file in `agents/`. Where loading
    failed, `cls` is None, `error` is the cause in one line and `details` the traceback; where a
    hook method is invalid, `cls` is set and `error` says so. `known` is read from the source of a
    plugin that was not loaded.
    """

    name: str
    source: str
    cls: type[Plugin] | None = None
    error: str | None = None
    details: str | None = None
    known: PluginSource = UNREAD

    @property
    def role(self) -> str | None:
        """Return its role, None where that is not known."""
        return self.cls.role if self.cls else self.known.role

    @property
    def hooks(self) -> tuple[str, ...]:
        """Return the names of the hooks that it implements, in the order of a trading day."""
        return validation.hooks_of(self.cls) if self.cls else self.known.hooks


@dataclass(frozen=True)
class _Candidate:
    """A plugin that was found and not yet imported."""

    name: str
    source: str
    load: Callable[[], Any]
    file: Path | None = None


def available() -> dict[str, Available]:
    """Import every plugin there is and return them by name, those that fail to load as well."""
    return {name: _resolve(name, found) for name, found in sorted(_candidates().items())}


def listed(wanted: Collection[str] = ()) -> dict[str, Available]:
    """Return every plugin by name, importing only those in `wanted` and the built-in ones.

    For the others: role and hooks of an agent are read from its source, and only the distribution
    of an installed one is known.
    """
    listing: dict[str, Available] = {}
    for name, found in sorted(_candidates().items()):
        if name in wanted or len(found) > 1 or found[0].source == BUILT_IN:
            listing[name] = _resolve(name, found)
        else:
            read = sketch(found[0].file) if found[0].file else PluginSource()
            listing[name] = Available(name, found[0].source, error=read.error, known=read)
    return listing


def find(name: str, *, where: str | None = None) -> Available:
    """Import the plugin called `name`, and no other, and return it.

    Raises PluginError where there is none, where it fails to load (with the traceback in
    `details`), or where two sources have one of that name. `where` is the place that named it.
    """
    known = _candidates()
    if name not in known:
        hint = did_you_mean(name, known) or f"Available: {', '.join(sorted(known)) or 'none'}."
        raise PluginError(f"no plugin is called '{name}'.", where=where, hint=hint)
    found = _resolve(name, known[name])
    if found.cls is None:
        message = f"plugin '{name}' ({found.source}) cannot be used: {found.error}"
        raise PluginError(message, where=where, details=found.details)
    return found


def _candidates() -> dict[str, list[_Candidate]]:
    known: dict[str, list[_Candidate]] = {}
    for candidate in [*_installed_plugins(), *_project_agents()]:
        known.setdefault(candidate.name, []).append(candidate)
    return known


def _installed_plugins() -> list[_Candidate]:
    return _installed_on(tuple(sys.path))


@lru_cache(maxsize=2)
def _installed_on(path: tuple[str, ...]) -> list[_Candidate]:
    """Return the plugins of what is installed on `path`: to read them takes a while."""
    from importlib.metadata import entry_points

    return [_Candidate(e.name, _source_of(e), e.load) for e in entry_points(group=GROUP)]


def _source_of(entry: EntryPoint) -> str:
    if entry.dist is None:
        return "entry point"
    if entry.dist.name == DISTRIBUTION:
        return BUILT_IN
    return f"entry point of {entry.dist.name} {entry.dist.version}"


def _project_agents() -> list[_Candidate]:
    root = project.enter(Path.cwd())
    files = sorted((root / "agents").glob("[!_]*.py")) if root else []
    return [_agent(file) for file in files]


def _agent(file: Path) -> _Candidate:
    load = partial(importlib.import_module, f"agents.{file.stem}")
    return _Candidate(file.stem, f"agents/{file.name}", load, file)


def _resolve(name: str, candidates: list[_Candidate]) -> Available:
    source = ", ".join(candidate.source for candidate in candidates)
    if len(candidates) > 1:
        return Available(name, source, error="two plugins have this name; rename or remove one")
    try:
        plugin = _plugin_in(candidates[0].load())
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
