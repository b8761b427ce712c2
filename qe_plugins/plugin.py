"""The base classes that plugin authors derive from, and the marker they put on hooks."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pluggy

from qe_plugins.decisions import Role

hookimpl = pluggy.HookimplMarker("qe")


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a plugin, decoded from its YAML mapping. Unknown keys are errors."""


class Plugin:
    """A desk member. Give it a `role`, a `Config`, and hook methods marked `@hookimpl`.

    The short name used in YAML is the module's file name in `agents/`, or the entry point's name.
    One instance lives for one run; state belongs on `self`.
    """

    role: ClassVar[Role] = Role.HOUSE
    Config: ClassVar[type[PluginConfig]] = PluginConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        self.config = config if config is not None else self.Config()
