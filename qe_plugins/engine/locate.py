"""Find the class that a configuration names: a file in `strategies/`, or `module:Class`."""

from __future__ import annotations

import importlib
import inspect
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nautilus_trader.common import DataActor
from nautilus_trader.trading import ExecutionAlgorithm, Strategy

from qe_plugins import project
from qe_plugins.errors import ConfigError, did_you_mean
from qe_plugins.saying import one_line

if TYPE_CHECKING:
    from qe_plugins.config.load import Loaded
    from qe_plugins.config.strategies import StrategyEntry

KINDS: dict[str, type] = {
    "strategies": Strategy,
    "actors": DataActor,
    "exec_algorithms": ExecutionAlgorithm,
}


class LoadError(ConfigError):
    """A user's module raised. `details` is the traceback."""

    def __init__(self, message: str, *, where: str, details: str) -> None:
        self.details = details
        super().__init__(message, where=where)


def author_of(loaded: Loaded, section: str, entry: StrategyEntry) -> type:
    """Return the class that an entry of a section names. Raises ConfigError with the place."""
    if entry.path is not None:
        return by_path(loaded, entry.path, KINDS[section], (section, entry.name, "path"))
    if section != "strategies":
        raise loaded.error("needs a `path: module:Class`.", section, entry.name)
    return _by_short_name(loaded, entry.name)


def _by_short_name(loaded: Loaded, name: str) -> type:
    root = project.find_root(Path.cwd())
    files = sorted(root.glob("strategies/[!_]*.py")) if root else []
    known = [file.stem for file in files]
    keys = ("strategies", name)
    if name not in known:
        hint = did_you_mean(name, known) or "Known: " + (", ".join(known) or "none") + "."
        raise loaded.error(f"no strategies/{name}.py.", *keys, hint=hint)
    module = _imported(loaded, f"strategies.{name}", keys)
    found = [c for c in vars(module).values() if _is_defined_in(c, module, Strategy)]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise loaded.error(f"strategies/{name}.py must define one Strategy, was {names}.", *keys)
    author: type = found[0]
    return author


def by_path(loaded: Loaded, path: str, kind: type, keys: tuple[str, ...]) -> type:
    """Return the class at `module:Class`, which must be a `kind`."""
    module_name, colon, class_name = path.partition(":")
    if not (module_name and colon and class_name):
        raise loaded.error(f"must be `module:Class`, was '{path}'.", *keys)
    module = _imported(loaded, module_name, keys)
    found = getattr(module, class_name, None)
    if found is None:
        known = [n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, kind)]
        raise loaded.error(
            f"{module_name} has no '{class_name}'.", *keys, hint=did_you_mean(class_name, known)
        )
    if not (inspect.isclass(found) and issubclass(found, kind)):
        raise loaded.error(f"{path} is not a Nautilus {kind.__name__}.", *keys)
    return found


def _imported(loaded: Loaded, name: str, keys: tuple[str, ...]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may also call `sys.exit`
        if isinstance(error, ModuleNotFoundError) and error.name and name.startswith(error.name):
            raise loaded.error(
                f"no module '{error.name}'.",
                *keys,
                hint="It must be installed, or a file under the project's folder.",
            ) from error
        raise LoadError(
            f"{name} cannot be imported: {one_line(error)}",
            where=loaded.where(*keys),
            details=traceback.format_exc().rstrip(),
        ) from error


def _is_defined_in(candidate: object, module: ModuleType, kind: type) -> bool:
    return (
        inspect.isclass(candidate)
        and issubclass(candidate, kind)
        and candidate.__module__ == module.__name__
    )
