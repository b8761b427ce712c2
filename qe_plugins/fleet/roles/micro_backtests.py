"""The micro-backtests that a session may ask for: over its market as of now, at its costs."""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.backtests.jobs import BacktestJobs
from qe_plugins.fleet.backtests.micro_backtest import (
    MOST_BARS,
    WINDOW,
    BacktestRule,
    MicroBacktest,
)
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.validation import round_trip_cost


class MicroBacktests:
    """Starts jobs over a context's market, and waits for them."""

    def __init__(self, context: RoleContext, jobs: BacktestJobs) -> None:
        self._context, self._jobs = context, jobs

    def start(self, instrument: str, rule: dict[str, Any]) -> str:
        """Begin a job and return its id. Raises FleetError where no trade fits into the bars.

        `rule` has the fields of BacktestRule but `cost`.
        """
        context = self._context
        bars = context.market.bars(instrument, "1m")
        bars = bars.window(min(len(bars), MOST_BARS))
        cost = round_trip_cost(instrument, context.as_of)
        asked = MicroBacktest(rule=BacktestRule(**rule, cost=cost), bars=bars)
        if len(bars) < WINDOW + asked.rule.horizon + 1:
            raise FleetError(
                f"there are {len(bars)} bars of a minute, too few for a horizon of "
                f"{asked.rule.horizon}.",
                hint="Ask for a shorter horizon.",
            )
        return self._jobs.start(asked)

    def wait(self, jobs: list[str]) -> list[dict[str, Any]]:
        """Return how jobs ended, once all have. Raises FleetError for an unknown one."""
        return [_shown(msgspec.to_builtins(one)) for one in self._jobs.wait(jobs)]


def _shown(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome with its figures beside its job, and without what it does not have."""
    found = {"job": outcome["job"]} | (outcome["figures"] or {})
    return found if outcome["figures"] else found | {"failed": outcome["why"]}
