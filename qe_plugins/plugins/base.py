"""The base classes that plugin authors derive from, and the marker they put on hooks."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Protocol

import msgspec
import pluggy

from qe_plugins.bars import Bars
from qe_plugins.plugins.types import Role

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


class Account(Protocol):
    """The account as it stands at this moment, open positions at their last price."""

    def worth(self) -> Decimal:
        """Return what the account is worth, in its currency.

        Raises LookupError where a position has no price.
        """

    def is_worth(self, amount: Decimal) -> bool:
        """Say whether the account is worth `amount` or more.

        Raises LookupError as `worth` does.
        """


class History(Protocol):
    """The bars that have closed by now."""

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type, oldest first; fewer where there are not as many.

        A type is written as Nautilus does, `MESH25.XCME-1-MINUTE-LAST-EXTERNAL`.
        """
