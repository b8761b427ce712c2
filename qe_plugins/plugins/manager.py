"""The plugins of one run: instantiated, validated and held in call order."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any, Self
from warnings import deprecated

import msgspec
import pluggy

from qe_plugins.errors import PluginError, QeError
from qe_plugins.plugins import hookspecs, validation
from qe_plugins.plugins.base import Plugin, PluginConfig
from qe_plugins.plugins.caller import HookCaller, HookImpl, HookResult
from qe_plugins.plugins.discovery import find
from qe_plugins.safe_text import one_line


class PluginStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one active plugin. `seconds` is its time on the trading thread.

    `inputs` is what it has read besides market data, name to SHA-256.
    """

    name: str
    role: str
    asked: int = 0
    answered: int = 0
    vetoed: int = 0
    failed: int = 0
    seconds: float = 0.0
    inputs: dict[str, str] = {}

    @classmethod
    def of(cls, name: str, plugin: Plugin, implementations: Sequence[HookImpl]) -> Self:
        """Return the sum over one plugin's hooks."""
        every = [implementation.stats for implementation in implementations]
        vetoes = [i.stats for i in implementations if i.hook == "veto_order"]
        trading = [i.stats for i in implementations if i.hook not in validation.OBSERVERS]
        return cls(
            name=name,
            role=plugin.role,
            inputs=dict(plugin.inputs),
            asked=sum(stats.asked for stats in every),
            answered=sum(stats.answered for stats in every),
            vetoed=sum(stats.answered for stats in vetoes),
            failed=sum(stats.failed for stats in every),
            seconds=sum(stats.seconds for stats in trading),
        )


class PluginManager:
    """Active plugins, in call order.

    `plugins.hook.x(...)` is pluggy's own call and raises what a plugin raises; `plugins.call("x",
    ...)` returns exceptions as results, so that a plugin cannot end a session.
    """

    def __init__(self, members: Sequence[tuple[str, Plugin]]) -> None:
        """Take (name, plugin) pairs in call order. Raises HookError for an invalid hook method."""
        for name, plugin in members:
            validation.check(name, type(plugin))
        self.names = [name for name, _ in members]
        self.hook = _relay(members)
        self._members = dict(members)
        self._callers = {hook: _caller_of(hook, members) for hook in validation.SPECS}

    @classmethod
    def activate(cls, wanted: Sequence[tuple[str, PluginConfig | None]]) -> Self:
        """Return a manager of the named plugins with their settings, called in this order.

        None means default settings. Raises PluginError where one is unknown or its class raises.
        """
        return cls([(name, _instantiated(name, config)) for name, config in wanted])

    def caller(self, hook: str) -> HookCaller | None:
        """Return the caller of one hook, None where no plugin implements it. For hot paths."""
        return self._callers[hook]

    def call(self, hook: str, **given: Any) -> list[HookResult]:
        """Call `hook` on every plugin that implements it; return the results in call order."""
        caller = self.caller(hook)
        return caller(**given) if caller else []

    @deprecated("use `call()`; `ask` is removed in the next release")
    def ask(self, hook: str, **given: Any) -> list[HookResult]:
        """Return `call(hook, ...)`. Deprecated: removed in the next release."""
        return self.call(hook, **given)

    def wanted_features(self) -> list[tuple[str, tuple[str, ...], str | None]]:
        """Return (name, features, trigger) of each plugin, in call order.

        Raises PluginError for a trigger without the hook that it is for.
        """
        found: list[tuple[str, tuple[str, ...], str | None]] = []
        for name, plugin in self._members.items():
            trigger = plugin.config.trigger or plugin.trigger
            if trigger and "contribute_signals" not in validation.hooks_of(type(plugin)):
                message = "a trigger says when `contribute_signals` is called, and it has none."
                raise PluginError(message, where=f"plugin {name}", hint="Remove the trigger.")
            found.append((name, (*plugin.features, *plugin.config.features), trigger))
        return found

    def failed(self, name: str, hook: str) -> None:
        """Count the last answer of a plugin as a failure, because it proved unusable."""
        caller = self.caller(hook)
        for one in caller.implementations if caller else ():
            if one.plugin == name:
                one.stats.answered -= 1
                one.stats.failed += 1

    def members(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return (name, role, hooks) of each plugin, in call order."""
        return [
            (name, plugin.role, validation.hooks_of(type(plugin)))
            for name, plugin in self._members.items()
        ]

    def stats(self) -> list[PluginStats]:
        """Return the counters of each plugin so far, in call order."""
        every = [i for caller in self._callers.values() if caller for i in caller.implementations]
        return [
            PluginStats.of(name, plugin, [i for i in every if i.plugin == name])
            for name, plugin in self._members.items()
        ]


def _instantiated(name: str, config: PluginConfig | None) -> Plugin:
    plugin = find(name).cls
    assert plugin is not None
    try:
        return plugin(config)
    except KeyboardInterrupt:
        raise
    except QeError as error:  # what a user can fix needs no traceback
        where = f"plugin {name}" + (f", {error.where}" if error.where else "")
        raise PluginError(error.message, where=where, hint=error.hint) from error
    except BaseException as error:  # `sys.exit` too: a run without its plugin is no success
        message = f"could not be instantiated: {one_line(error)}"
        raise PluginError(
            message, where=f"plugin {name}", details=traceback.format_exc()
        ) from error


def _relay(members: Sequence[tuple[str, Plugin]]) -> pluggy.HookRelay:
    manager = pluggy.PluginManager("qe")
    manager.add_hookspecs(hookspecs)
    for name, plugin in reversed(members):  # pluggy calls the last registered first
        manager.register(plugin, name=name)
    return manager.hook


def _caller_of(hook: str, members: Sequence[tuple[str, Plugin]]) -> HookCaller | None:
    implementations = [
        HookImpl(name, hook, getattr(plugin, hook), validation.arguments_of(type(plugin), hook))
        for name, plugin in members
        if hook in validation.hooks_of(type(plugin))
    ]
    return HookCaller(implementations, first=validation.is_first(hook)) if implementations else None
