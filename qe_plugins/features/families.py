"""Families that plugins register with the hook `register_features`."""

from __future__ import annotations

import hashlib
import inspect
import re
import traceback
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType

from qe_plugins.errors import PluginError
from qe_plugins.features.catalogue import FAMILIES
from qe_plugins.plugins import Available, HookResult, PluginManager, listed
from qe_plugins.plugins.types import Family
from qe_plugins.safe_text import one_line

HOOK = "register_features"
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
MOST_LOOKBACK = 100_000


def families_of(answers: Iterable[HookResult]) -> dict[str, Family]:
    """Return the families that plugins registered, by name.

    Raises PluginError where a plugin failed, returned anything else, or registered a name of the
    catalogue or of another plugin.
    """
    found: dict[str, Family] = {}
    owners = {one.name: "the catalogue" for one in FAMILIES}
    for answer in answers:
        where = f"plugin {answer.plugin}"
        if answer.error is not None:
            details = "".join(traceback.format_exception(answer.error))
            message = f"{HOOK} failed: {one_line(answer.error)}"
            raise PluginError(message, where=where, details=details)
        for family in answer.value or ():
            _check(family, where)
            if family.name in owners:
                message = f"the family '{family.name}' is also that of {owners[family.name]}."
                raise PluginError(message, where=where, hint="Rename it.")
            found[family.name], owners[family.name] = family, where
    return found


def registered_families() -> dict[str, Family]:
    """Return the families of the project's agents and of installed plugins, by name.

    Only agents whose source has the hook are imported; installed plugins all are. Raises
    PluginError as `families_of` does, and where a plugin cannot be loaded.
    """
    wanted = [name for name, plugin in listed().items() if _may_register(plugin)]
    loaded = listed(wanted)
    for name in wanted:
        if error := loaded[name].error:
            message = f"cannot be used: {error}"
            raise PluginError(message, where=f"plugin {name}", details=loaded[name].details)
    members = [(name, None) for name in wanted if HOOK in loaded[name].hooks]
    return families_of(PluginManager.activate(members).call(HOOK))


def family_hash(family: Family) -> str:
    """Return 16 hex digits of the SHA-256 of a family's lookback and of the files of its function.

    A function made with `functools.partial` counts with its arguments, an object that is called
    with its attributes. What these files import does not count.
    """
    digest = hashlib.sha256(str(family.lookback).encode())
    for part in _parts(family.function):
        digest.update(_content(part))
    return digest.hexdigest()[:16]


def _parts(function: object) -> Iterator[object]:
    called = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(function, partial):
        for part in (function.func, *function.args, *function.keywords.values()):
            yield from _parts(part)
    elif isinstance(called, FunctionType):  # of a class that is written in Python
        yield called
        for part in getattr(function, "__dict__", {}).values():
            yield from _parts(part)
    else:
        yield function


def _content(part: object) -> bytes:
    """Return the file of a function and its name in it; other values as text."""
    if not callable(part):
        return repr(part).encode()
    name = getattr(part, "__qualname__", type(part).__qualname__)
    try:
        file = inspect.getsourcefile(inspect.unwrap(part))
    except TypeError:  # not written in Python
        file = None
    return name.encode() + (Path(file).read_bytes() if file else b"")


def _may_register(plugin: Available) -> bool:
    """Return whether a plugin has the hook, or may have it because its source was not read."""
    return HOOK in plugin.hooks or plugin.source.startswith("entry point")


def _check(family: object, where: str) -> None:
    if not isinstance(family, Family):
        message = f"{HOOK} returns families, was {type(family).__name__}."
        raise PluginError(message, where=where, hint="Return Family(name=..., ...) in a list.")
    if not NAME.fullmatch(family.name):
        message = f"'{family.name[:60]}' is no name of a family."
        raise PluginError(message, where=where, hint="Use lower-case letters, digits and _.")
    if not 1 <= family.lookback <= MOST_LOOKBACK:
        message = f"the lookback of '{family.name}' is 1 to {MOST_LOOKBACK:,} bars,"
        raise PluginError(f"{message} was {family.lookback}.", where=where)
