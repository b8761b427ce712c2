"""The base classes of plugins, the marker of hook methods, and what hooks pass as views."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Protocol
from warnings import deprecated

import msgspec
import pluggy

from qe_plugins.bars import Bars
from qe_plugins.plugins.types import Role

hookimpl = pluggy.HookimplMarker("qe")


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a plugin, decoded from its YAML mapping. An unknown key is an error.

    `features` are named beside those of the plugin's class, `trigger` replaces that of its class.
    """

    features: tuple[str, ...] = ()
    trigger: str | None = None


class Plugin:
    """Base class of plugins: set `role` and `Config`, and mark hook methods with `@hookimpl`.

    Its name in YAML is the module's file name in `agents/`, or the entry point's name. There is one
    instance a run; state belongs on `self`.

    `features` are the names that its hooks read, such as `1m.velocity.30`. With a `trigger`, such
    as `abs(1m.velocity.30) > 2`, `contribute_signals` is called only at bars where it holds.
    """

    role: ClassVar[Role] = Role.SYSTEM
    features: tuple[str, ...] = ()
    trigger: ClassVar[str | None] = None
    Config: ClassVar[type[PluginConfig]] = PluginConfig
    inputs: Mapping[str, str] = {}
    """What the plugin has read besides market data, name to SHA-256; `result.json` has them."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        self.config = config if config is not None else self.Config()


class Account(Protocol):
    """The account at this moment, open positions valued at their last price."""

    def equity(self) -> Decimal:
        """Return the equity in the account's currency, rounded to the cent.

        Raises LookupError where a position has no price.
        """

    def equity_at_least(self, amount: Decimal) -> bool:
        """Return whether the equity is `amount` or more. Cheaper than `equity`.

        Raises LookupError where a position has no price.
        """

    @deprecated("use `equity()`; `worth` is removed in the next release")
    def worth(self) -> Decimal:
        """Return `equity()`. Deprecated: removed in the next release."""

    @deprecated("use `equity_at_least()`; `is_worth` is removed in the next release")
    def is_worth(self, amount: Decimal) -> bool:
        """Return `equity_at_least(amount)`. Deprecated: removed in the next release."""


class History(Protocol):
    """The bars that have closed so far."""

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type, oldest first; fewer if fewer have closed.

        `bar_type` is as in Nautilus: `MESH25.XCME-1-MINUTE-LAST-EXTERNAL`.
        """


class Features(Protocol):
    """The features of one contract at its last bar: `features["1m.temperature.60"]`."""

    def __getitem__(self, name: str) -> float:
        """Return a feature, NaN where it is null. Raises FeatureError where it is not declared."""

    def known(self, *names: str) -> bool:
        """Return whether features have a value; all that the run's plugins declare by default."""
