"""quant-engine: a futures desk on NautilusTrader.

Authors of plugins and strategies import the names of `__all__` from here, which change only with a
deprecation of one release. Everything else imports from its own package. The modules beside this
one are leaves that any package may use: errors, units, bars, the project and state folders, safe
text, stop signals, child processes, allowed hosts. ARCHITECTURE.md says where a change goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qe_plugins.bars import Bars
    from qe_plugins.plugins.base import Account, Features, History, Plugin, PluginConfig, hookimpl
    from qe_plugins.plugins.types import (
        Excursion,
        Family,
        OrderRequest,
        Panel,
        Posture,
        Proposal,
        Review,
        Role,
        Rolled,
        Rung,
        Side,
        Signal,
        Size,
        Trade,
        Veto,
    )
    from qe_plugins.units import Duration, Fraction, Money

__all__ = [
    "Account",
    "Bars",
    "Duration",
    "Excursion",
    "Family",
    "Features",
    "Fraction",
    "History",
    "Money",
    "OrderRequest",
    "Panel",
    "Plugin",
    "PluginConfig",
    "Posture",
    "Proposal",
    "Review",
    "Role",
    "Rolled",
    "Rung",
    "Side",
    "Signal",
    "Size",
    "Trade",
    "Veto",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Return a name of `__all__`, imported when it is first used: `qe --help` uses none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from qe_plugins import bars, units
    from qe_plugins.plugins import base, types

    home = next(module for module in (bars, base, types, units) if hasattr(module, name))
    return getattr(home, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
