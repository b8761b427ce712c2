"""Every hook, in the order of a trading day. `qe hooks` prints them.

A docstring says when the hook is called, on which thread, how answers combine, what an exception
means, and ends with an example that a test runs. An implementation names only what it uses.
"""

from qe_plugins.hookspecs.opening import engine_started, session_opened  # isort: skip
from qe_plugins.hookspecs.trading import (  # isort: skip
    contribute_signals,
    resolve_signals,
    size_order,
    veto_order,
)
from qe_plugins.hookspecs.after import order_denied, trade_closed, session_closed  # isort: skip

__all__ = [
    "engine_started",
    "session_opened",
    "contribute_signals",
    "resolve_signals",
    "size_order",
    "veto_order",
    "order_denied",
    "trade_closed",
    "session_closed",
]
