"""Hooks: their specifications, the records they exchange, and the manager that calls them.

Start at `hookspecs.py`, which lists every hook; `qe hooks` prints it. Those called outside a run
are specified in `hookspecs_outside_runs.py`. `types.py` and `base.py` are what plugin authors
import. How plugins are found, checked and called may change here alone; a new hook also needs its
answer type in `caller.py`. Imports config and journal only for plain values, and none of engine,
fleet or cli.
"""

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
