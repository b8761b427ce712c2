"""Name a session's strategies by their names in the configuration.

Nautilus numbers strategies in the order in which they are added: after a restart with reordered
strategies, one would get the position of another. A backtest keeps Nautilus' numbers.
"""

from __future__ import annotations

import re
from typing import Any

from nautilus_trader.model import StrategyId
from nautilus_trader.trading import Strategy, StrategyConfig

FIELDS = (
    "oms_type",
    "external_order_instrument_ids",
    "manage_contingent_orders",
    "manage_gtd_expiry",
    "manage_stop",
    "market_exit_interval_ms",
    "market_exit_max_attempts",
    "market_exit_time_in_force",
    "market_exit_reduce_only",
    "use_uuid_client_order_ids",
    "use_hyphens_in_client_order_ids",
    "log_events",
    "log_commands",
    "log_rejected_due_post_only_as_warning",
)
"""Settings of Nautilus that an author's configuration may have, besides the id."""


def order_id_tag(name: str) -> str:
    """Return a name of the configuration as it ends strategy ids: `es trend` is `es_trend`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def named(hosted: type, name: str) -> type:
    """Have instances of a hosted class get the id `<Class>-<name>`; return the class.

    Their orders' ids have the name, too. A configuration's own `strategy_id` is kept.
    """
    constructor: Any = hosted.__new__
    nautilus_constructor: Any = Strategy.__new__
    tag = order_id_tag(name)
    strategy_id = StrategyId(f"{hosted.__name__}-{tag}")

    def new(cls: type, config: Any = None, *args: Any, **kwargs: Any) -> Any:
        if getattr(config, "strategy_id", None) is not None:
            return constructor(cls, config, *args, **kwargs)
        given = {
            field: value for field in FIELDS if (value := getattr(config, field, None)) is not None
        }
        given |= {"strategy_id": strategy_id, "order_id_tag": tag}
        return nautilus_constructor(cls, StrategyConfig(**given))

    hosted.__new__ = new  # type: ignore[method-assign, assignment]
    return hosted
