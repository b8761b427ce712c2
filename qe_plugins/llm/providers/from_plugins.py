"""Providers of models that plugins register with the hook `register_providers`."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping

from qe_plugins.errors import PluginError
from qe_plugins.llm.providers.base import Provider, ProviderSettings
from qe_plugins.plugins import Available, PluginManager, listed
from qe_plugins.safe_text import one_line

HOOK = "register_providers"

type ProviderFactory = Callable[[ProviderSettings], Provider]


def registered_factories() -> dict[str, ProviderFactory]:
    """Return the factories of the project's agents and of installed plugins, by name.

    Only agents whose source has the hook are imported; installed plugins, whose source is not read,
    all are. Raises PluginError where one of them fails, returns no mapping, or registers a name
    that another one registers.
    """
    factories: dict[str, ProviderFactory] = {}
    owners: dict[str, str] = {}
    wanted = [name for name, plugin in listed().items() if _may_register(plugin)]
    loaded = listed(wanted)
    for name in wanted:
        if error := loaded[name].error:
            raise PluginError(
                f"cannot be used: {error}", where=f"plugin {name}", details=loaded[name].details
            )
    members = [(name, None) for name in wanted if HOOK in loaded[name].hooks]
    for result in PluginManager.activate(members).call(HOOK):
        if result.error is not None:
            details = "".join(traceback.format_exception(result.error))
            message = f"{HOOK} failed: {one_line(result.error)}"
            raise PluginError(message, where=f"plugin {result.plugin}", details=details)
        for name, factory in (result.value or {}).items():
            if name in owners:
                message = f"provider '{name}' is also registered by plugin {owners[name]}."
                raise PluginError(message, where=f"plugin {result.plugin}", hint="Rename one.")
            factories[name], owners[name] = factory, result.plugin
    return factories


def _may_register(plugin: Available) -> bool:
    """Return whether a plugin has the hook, or may have it because its source was not read."""
    return HOOK in plugin.hooks or plugin.source.startswith("entry point")


def checked_provider(name: str, provider: object) -> Provider:
    """Return what a factory built. Raises PluginError where it lacks a method of a provider."""
    for method in ("complete", "aclose"):
        if not callable(getattr(provider, method, None)):
            message = f"the factory returned {type(provider).__name__}, which has no `{method}`."
            hint = "A provider has the methods of qe_plugins.llm.providers.base.Provider."
            raise PluginError(message, where=f"provider {name}", hint=hint)
    return provider  # type: ignore[return-value]


def refuse_built_in(names: Mapping[str, ProviderFactory], built_in: Mapping[str, object]) -> None:
    """Raise PluginError where a plugin registers the name of a built-in factory."""
    if taken := sorted(set(names) & set(built_in)):
        message = f"provider '{taken[0]}' is built in and cannot be registered by a plugin."
        raise PluginError(message, hint="Register it under another name.")
