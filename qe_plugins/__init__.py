"""What a plugin author needs, and nothing else."""

from qe_plugins.decisions import (
    Excursion,
    OrderRequest,
    Posture,
    Proposal,
    Review,
    Role,
    Rung,
    Side,
    Signal,
    Size,
    Trade,
    Veto,
)
from qe_plugins.plugin import Plugin, PluginConfig, hookimpl

__all__ = [
    "Excursion",
    "OrderRequest",
    "Plugin",
    "PluginConfig",
    "Posture",
    "Proposal",
    "Review",
    "Role",
    "Rung",
    "Side",
    "Signal",
    "Size",
    "Trade",
    "Veto",
    "hookimpl",
]
