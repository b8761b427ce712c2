"""Plugins: available, active, asked."""

from qe_plugins.manager.activation import Plugins, Stats
from qe_plugins.manager.asking import Answer, Asker, Implementation, Tally
from qe_plugins.manager.discovery import Available, available, find, listed
from qe_plugins.manager.reference import HookReference, reference

__all__ = [
    "Answer",
    "Asker",
    "Available",
    "HookReference",
    "Implementation",
    "Plugins",
    "Stats",
    "Tally",
    "available",
    "find",
    "listed",
    "reference",
]
