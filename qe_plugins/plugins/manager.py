"""The plugins of one run: made, checked against the hooks' contract, put in order."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any, Self

import msgspec
import pluggy

from qe_plugins.errors import PluginError
from qe_plugins.plugins import hookspecs, validation
from qe_plugins.plugins.base import Plugin, PluginConfig
from qe_plugins.plugins.caller import HookCaller, HookImpl, HookResult
from qe_plugins.plugins.discovery import find
from qe_plugins.safe_text import one_line


class PluginStats(msgspec.Struct, frozen=True, kw_only=True):
    """How one active plugin fared. `seconds` is the time its hooks took on the trading thread."""

    name: str
    role: str
    asked: int = 0
    answered: int = 0
    vetoed: int = 0
    failed: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, name: str, role: str, implementations: Sequence[HookImpl]) -> Self:
        """Return the sum over one plugin's hooks."""
        tallies = [implementation.tally for implementation in implementations]
        vetoes = [i.tally for i in implementations if i.hook == "veto_order"]
        trading = [i.tally for i in implementations if i.hook not in validation.OBSERVERS]
        return cls(
            name=name,
            role=role,
            asked=sum(tally.asked for tally in tallies),
            answered=sum(tally.answered for tally in tallies),
            vetoed=sum(tally.answered for tally in vetoes),
            failed=sum(tally.failed for tally in tallies),
            seconds=sum(tally.seconds for tally in trading),
        )


class PluginManager:
    """Active plugins, in call order.

    Two visible ways to call them, chosen by what a failure should mean: `plugins.hook.x(...)` is
    pluggy's own and raises, for start-up; `plugins.ask("x", ...)` never raises, for the session.
    """

    def __init__(self, members: Sequence[tuple[str, Plugin]]) -> None:
        """Take (name, plugin) pairs in call order. Raises HookError where one breaks a hook."""
        for name, plugin in members:
            validation.check(name, type(plugin))
        self.names = [name for name, _ in members]
        self.hook = _relay(members)
        self._members = dict(members)
        self._askers = {hook: _asker(hook, members) for hook in validation.SPECS}

    @classmethod
    def activate(cls, wanted: Sequence[tuple[str, PluginConfig | None]]) -> Self:
        """Make the wanted plugins with their settings, to be asked in this order.

        None means default settings. Raises PluginError where one is unknown or cannot be made.
        """
        return cls([(name, _make(name, config)) for name, config in wanted])

    def bind(self, hook: str) -> HookCaller | None:
        """Return `ask` for one hook, or None where no plugin implements it. For hot paths."""
        return self._askers[hook]

    def ask(self, hook: str, **given: Any) -> list[HookResult]:
        """Put `hook` to every plugin that implements it; return their answers in call order."""
        asker = self.bind(hook)
        return asker(**given) if asker else []

    def failed(self, name: str, hook: str) -> None:
        """Count an answer of a plugin as a failure: it turned out to be of no use."""
        asker = self.bind(hook)
        for one in asker.implementations if asker else ():
            if one.plugin == name:
                one.tally.answered -= 1
                one.tally.failed += 1

    def members(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return (name, role, hooks) of each plugin, in call order."""
        return [
            (name, plugin.role, validation.hooks_of(type(plugin)))
            for name, plugin in self._members.items()
        ]

    def stats(self) -> list[PluginStats]:
        """Return what each plugin was asked and answered so far, in call order."""
        asked = [i for asker in self._askers.values() if asker for i in asker.implementations]
        return [
            PluginStats.of(name, plugin.role, [i for i in asked if i.plugin == name])
            for name, plugin in self._members.items()
        ]


def _make(name: str, config: PluginConfig | None) -> Plugin:
    plugin = find(name).cls
    assert plugin is not None
    try:
        return plugin(config)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # `sys.exit` too: a run without its plugin is no success
        message = f"could not be made: {one_line(error)}"
        raise PluginError(
            message, where=f"plugin {name}", details=traceback.format_exc()
        ) from error


def _relay(members: Sequence[tuple[str, Plugin]]) -> pluggy.HookRelay:
    manager = pluggy.PluginManager("qe")
    manager.add_hookspecs(hookspecs)
    for name, plugin in reversed(members):  # pluggy asks the last registered first
        manager.register(plugin, name=name)
    return manager.hook


def _asker(hook: str, members: Sequence[tuple[str, Plugin]]) -> HookCaller | None:
    implementations = [
        HookImpl(name, hook, getattr(plugin, hook), validation.arguments_of(type(plugin), hook))
        for name, plugin in members
        if hook in validation.hooks_of(type(plugin))
    ]
    return HookCaller(implementations, first=validation.is_first(hook)) if implementations else None
