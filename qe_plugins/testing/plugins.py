"""Active plugins without an engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from qe_plugins.plugins import PluginManager
from qe_plugins.plugins.base import Plugin


@pytest.fixture
def qe_plugins() -> Callable[..., PluginManager]:
    """Return a function that activates plugin instances, each named after its class.

    The second instance of a class is `Name_2`. A call needs only the arguments that the plugins
    name::

        [answer] = qe_plugins(SmallOnly()).call("veto_order", order=qe_order(quantity=2))
        assert answer.value == Veto("one contract at a time, was 2")
    """

    def activate(*plugins: Plugin) -> PluginManager:
        seen = Counter[str]()
        return PluginManager([(_name(plugin, seen), plugin) for plugin in plugins])

    return activate


def _name(plugin: Plugin, seen: Counter[str]) -> str:
    name = type(plugin).__name__
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}_{seen[name]}"
