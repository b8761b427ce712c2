"""Check hook methods before a run: every one must be callable with the arguments of its hook."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from qe_plugins.errors import HookError, did_you_mean
from qe_plugins.plugins import hookspecs
from qe_plugins.plugins.base import Plugin

SPECS: dict[str, Callable[..., Any]] = {
    name: getattr(hookspecs, name) for name in hookspecs.__all__
}
"""Every hook specification by name, in the order of a trading day."""

OBSERVERS = ("order_denied", "trade_closed", "session_closed", "rung_changed")
"""Hooks called after the event, on the observers' thread. Others run on the trading thread."""


def hooks_of(plugin: type[Plugin]) -> tuple[str, ...]:
    """Return the hooks that `plugin` implements, in the order of a trading day."""
    return tuple(hook for hook in SPECS if _is_marked(plugin, hook))


def is_first(hook: str) -> bool:
    """Return whether the first answer to `hook` counts and the plugins after it are not called."""
    options: dict[str, bool] = SPECS[hook].qe_spec  # type: ignore[attr-defined]
    return options["firstresult"]


def arguments_of(plugin: type[Plugin], hook: str) -> tuple[str, ...]:
    """Return the names of the arguments that `plugin` takes from `hook`, in its own order."""
    return tuple(parameter.name for parameter in _parameters(plugin, hook))


def check(name: str, plugin: type[Plugin]) -> None:
    """Raise HookError unless every hook method of `plugin` matches its specification."""
    for attribute in dir(plugin):
        if _is_marked(plugin, attribute):
            _check_hook(f"{name}.{attribute}", plugin, attribute)
        elif attribute in SPECS and inspect.isroutine(getattr(plugin, attribute)):
            message = "a method named like a hook, without @hookimpl, would never be called."
            hint = "Mark it with @hookimpl, or rename it."
            raise HookError(message, where=f"{name}.{attribute}", hint=hint)


def _is_marked(plugin: type[Plugin], attribute: str) -> bool:
    return hasattr(getattr(plugin, attribute, None), "qe_impl")


def _parameters(plugin: type[Plugin], hook: str) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(getattr(plugin, hook)).parameters.values())
    bound = isinstance(inspect.getattr_static(plugin, hook), staticmethod | classmethod)
    return parameters if bound else parameters[1:]


def _check_hook(where: str, plugin: type[Plugin], hook: str) -> None:
    if hook not in SPECS:
        hint = did_you_mean(hook, SPECS) or "`qe hooks` lists them."
        raise HookError("marked @hookimpl, but there is no such hook.", where=where, hint=hint)
    method = getattr(plugin, hook)
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        hint = "Make it a plain `def`: hooks are called synchronously."
        raise HookError("an `async def` would never be awaited.", where=where, hint=hint)
    if options := [option for option, value in method.qe_impl.items() if value]:
        hint = "Write a bare @hookimpl: plugins are called in the order of the YAML file."
        raise HookError(f"@hookimpl({options[0]}=...) has no effect here.", where=where, hint=hint)
    for parameter in _parameters(plugin, hook):
        _check_parameter(where, parameter, list(inspect.signature(SPECS[hook]).parameters))


def _check_parameter(where: str, parameter: inspect.Parameter, known: list[str]) -> None:
    if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        hint = f"Name the arguments it uses: {', '.join(known)}."
        raise HookError(f"'{parameter}' would stay empty.", where=where, hint=hint)
    if parameter.name not in known:
        hint = did_you_mean(parameter.name, known) or f"The hook has: {', '.join(known)}."
        raise HookError(f"unknown argument '{parameter.name}'.", where=where, hint=hint)
    if parameter.default is not inspect.Parameter.empty:
        hint = "Remove the default: the argument is always passed."
        raise HookError(f"argument '{parameter.name}' has a default.", where=where, hint=hint)
