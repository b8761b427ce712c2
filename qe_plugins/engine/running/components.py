"""Import the strategies, actors and execution algorithms that a configuration names.

Their settings go into the author's configuration class: the one that `config_path` names, else the
annotation of `__init__`'s `config`, else `<Class>Config` in the same module.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
import typing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.common import DataActor
from nautilus_trader.trading import ExecutionAlgorithm, Strategy

from qe_plugins import project
from qe_plugins.engine.settings.entries import ROLL_KEYS, RollSettings, entries
from qe_plugins.errors import ConfigError, did_you_mean
from qe_plugins.safe_text import in_words, one_line

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.settings.entries import StrategyEntry
    from qe_plugins.plugins.types import Rung

KINDS: dict[str, type] = {
    "strategies": Strategy,
    "actors": DataActor,
    "exec_algorithms": ExecutionAlgorithm,
}


class LoadError(ConfigError):
    """A user's module raised while it was imported. `details` is the traceback."""

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
    module = _import_module(loaded, f"strategies.{name}", keys)
    found = [c for c in vars(module).values() if _is_defined_in(c, module, Strategy)]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise loaded.error(f"strategies/{name}.py must define one Strategy, was {names}.", *keys)
    author: type = found[0]
    return author


def by_path(loaded: Loaded, path: str, kind: type, keys: tuple[str, ...]) -> type:
    """Return the class at `module:Class`. Raises ConfigError unless it is a `kind`."""
    module_name, colon, class_name = path.partition(":")
    if not (module_name and colon and class_name):
        raise loaded.error(f"must be `module:Class`, was '{path}'.", *keys)
    module = _import_module(loaded, module_name, keys)
    found = getattr(module, class_name, None)
    if found is None:
        known = [n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, kind)]
        raise loaded.error(
            f"{module_name} has no '{class_name}'.", *keys, hint=did_you_mean(class_name, known)
        )
    if not (inspect.isclass(found) and issubclass(found, kind)):
        raise loaded.error(f"{path} is not a Nautilus {kind.__name__}.", *keys)
    return found


def _import_module(loaded: Loaded, name: str, keys: tuple[str, ...]) -> ModuleType:
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


@dataclass(frozen=True)
class Component:
    """A class to host, and its arguments: `arguments` by position, `options` by keyword."""

    name: str
    section: str
    author: type
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] | None = None
    roll_settings: RollSettings | None = None

    def construct(self, hosted: type) -> Any:
        """Return an instance of `hosted`, the class derived from the author's."""
        return hosted(*self.arguments, **(self.options or {}))

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features that it reads.

        `features` of the author's class has them, or returns them for the settings.
        """
        declared = getattr(self.author, "features", ())
        if callable(declared):
            declared = declared(*self.arguments, **(self.options or {}))
        return tuple(declared)

    def check_rung(self, rung: Rung) -> None:
        """Call the class's `check_rung(config, rung)`, if it has one; it raises QeError."""
        check = getattr(self.author, "check_rung", None)
        if check is not None:
            check(*self.arguments, rung)

    def check_data(self, tape: Tape) -> None:
        """Call the class's `check_data(config, tape)`, if it has one; it raises QeError."""
        check = getattr(self.author, "check_data", None)
        if check is not None:
            check(*self.arguments, tape)


def components(loaded: Loaded, section: str) -> list[Component]:
    """Return the components of a section, in its order. Raises ConfigError with the place."""
    return [_component(loaded, section, entry) for entry in entries(loaded, section)]


def _component(loaded: Loaded, section: str, entry: StrategyEntry) -> Component:
    author = author_of(loaded, section, entry)
    config = _config_class(loaded, section, author, entry)
    if config is None:
        return _without_config_class(loaded, section, author, entry)
    instance = _configured(loaded, config, entry)
    return Component(entry.name, section, author, (instance,), roll_settings=entry.roll_settings)


def _config_class(loaded: Loaded, section: str, author: type, entry: StrategyEntry) -> type | None:
    if entry.config_path is not None:
        return by_path(loaded, entry.config_path, object, (section, entry.name, "config_path"))
    beside = getattr(importlib.import_module(author.__module__), f"{author.__name__}Config", None)
    own = _annotated(vars(author).get("__init__"))
    return own or (beside if inspect.isclass(beside) else None) or _annotated(_constructor(author))


def _annotated(constructor: Any) -> type | None:
    hint = _hints(constructor).get("config")
    return next((kind for kind in _classes(hint) if kind not in (type(None), Any)), None)


def _constructor(author: Any) -> Any:
    return author.__init__


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function) if function else {}
    except (NameError, TypeError):  # annotations that only a type checker can resolve
        return {}


def _classes(hint: Any) -> list[type]:
    options = typing.get_args(hint) or (hint,)
    return [option for option in options if inspect.isclass(option) and option is not object]


def _configured(loaded: Loaded, config: type, entry: StrategyEntry) -> Any:
    if issubclass(config, msgspec.Struct):
        without = ROLL_KEYS if entry.roll_settings and entry.path is None else ()
        return loaded.decode(config, *entry.keys, without=without, given=entry.given)
    hints = (
        _hints(config) | _hints(vars(config).get("__init__")) | _hints(vars(config).get("__new__"))
    )
    settings = {k: _as_hinted(loaded, v, hints.get(k), entry, k) for k, v in entry.settings.items()}
    try:
        return config(**settings)
    except KeyboardInterrupt:
        raise
    except (TypeError, ValueError) as error:
        message = f"{config.__name__} refuses its settings: {in_words(error)}."
        raise loaded.error(message, *entry.keys) from error
    except BaseException as error:
        message = f"{config.__name__} refuses its settings: {one_line(error)}."
        raise loaded.error(message, *entry.keys) from error


def _without_config_class(
    loaded: Loaded, section: str, author: type, entry: StrategyEntry
) -> Component:
    """Settings without a configuration class are arguments of the class itself."""
    if not entry.settings:
        return Component(entry.name, section, author, roll_settings=entry.roll_settings)
    known = list(inspect.signature(_constructor(author)).parameters)[1:]
    for key in entry.settings:
        if key not in known:
            raise loaded.error(
                f"{author.__name__} takes no '{key}'.",
                *entry.keys,
                key,
                hint="Name its configuration class with `config_path: module:Class`.",
            )
    hints = _hints(vars(author).get("__init__"))
    options = {k: _as_hinted(loaded, v, hints.get(k), entry, k) for k, v in entry.settings.items()}
    return Component(
        entry.name, section, author, options=options, roll_settings=entry.roll_settings
    )


def _as_hinted(loaded: Loaded, value: Any, hint: Any, entry: StrategyEntry, key: str) -> Any:
    """Return text as the type of its annotation: an id, a bar type, a price, a decimal."""
    for kind in _classes(hint):
        make = Decimal if kind is Decimal else getattr(kind, "from_str", None)
        if make is None or isinstance(value, kind):
            continue
        try:
            return make(str(value))
        except (ValueError, ArithmeticError) as error:
            raise loaded.error(f"not a {kind.__name__}: {value!r}.", *entry.keys, key) from error
    return value
