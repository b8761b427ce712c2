"""Plugins: available, active, asked."""

from qe_plugins.plugins.caller import CallStats, HookCaller, HookImpl, HookResult
from qe_plugins.plugins.discovery import Available, available, find, listed
from qe_plugins.plugins.manager import PluginManager, PluginStats
from qe_plugins.plugins.reference import HookReference, reference

__all__ = [
    "HookResult",
    "HookCaller",
    "Available",
    "HookReference",
    "HookImpl",
    "PluginManager",
    "PluginStats",
    "CallStats",
    "available",
    "find",
    "listed",
    "reference",
]
