"""Plugins: available, active, asked."""

from qe_plugins.plugins.caller import Answer, Asker, Implementation, Tally
from qe_plugins.plugins.discovery import Available, available, find, listed
from qe_plugins.plugins.manager import Plugins, Stats
from qe_plugins.plugins.reference import HookReference, reference

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
