"""What a plugin author needs, and nothing else."""

from qe_plugins.bars import Bars
from qe_plugins.decisions import (
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
from qe_plugins.plugin import Plugin, PluginConfig, hookimpl
from qe_plugins.units import Duration, Fraction, Money
from qe_plugins.views import Account, History

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
