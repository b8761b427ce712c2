"""What a plugin author needs, and nothing else."""

from qe_plugins.bars import Bars
from qe_plugins.plugins.base import Account, History, Plugin, PluginConfig, hookimpl
from qe_plugins.plugins.types import (
    Excursion,
    OrderRequest,
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
    "Fraction",
    "History",
    "Money",
    "OrderRequest",
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
