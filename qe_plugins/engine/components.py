"""Make what a configuration names: strategies, actors and execution algorithms, with settings.

Settings go into the configuration class that the author wrote: what `config_path` says, else the
annotation of `__init__`'s `config`, else `<Class>Config` beside the class.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins.config.strategies import FOLLOWS, Follows, entries
from qe_plugins.engine.locate import author_of, by_path
from qe_plugins.saying import in_words, one_line

if TYPE_CHECKING:
    from qe_plugins.config.load import Loaded
    from qe_plugins.config.strategies import StrategyEntry


@dataclass(frozen=True)
class Component:
    """A class to host and the arguments to make it with."""

    name: str
    section: str
    author: type
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] | None = None
    follows: Follows | None = None

    def make(self, hosted: type) -> Any:
        """Return an instance of `hosted`, the class derived from the author's."""
        return hosted(*self.arguments, **(self.options or {}))


def components(loaded: Loaded, section: str) -> list[Component]:
    """Return what a section names, in its order. Raises ConfigError with the place."""
    return [_component(loaded, section, entry) for entry in entries(loaded, section)]


def _component(loaded: Loaded, section: str, entry: StrategyEntry) -> Component:
    author = author_of(loaded, section, entry)
    config = _config_class(loaded, section, author, entry)
    if config is None:
        return _without_config_class(loaded, section, author, entry)
    made = _configured(loaded, config, entry)
    return Component(entry.name, section, author, (made,), follows=entry.follows)


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
        without = FOLLOWS if entry.follows and entry.path is None else ()
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
        return Component(entry.name, section, author, follows=entry.follows)
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
    return Component(entry.name, section, author, options=options, follows=entry.follows)


def _as_hinted(loaded: Loaded, value: Any, hint: Any, entry: StrategyEntry, key: str) -> Any:
    """Return text as the engine's type that is asked for: an id, a bar type, a price, a decimal."""
    for kind in _classes(hint):
        make = Decimal if kind is Decimal else getattr(kind, "from_str", None)
        if make is None or isinstance(value, kind):
            continue
        try:
            return make(str(value))
        except (ValueError, ArithmeticError) as error:
            raise loaded.error(f"not a {kind.__name__}: {value!r}.", *entry.keys, key) from error
    return value
