"""Tools that ask for work: the tree below a coordinator, and micro-backtests. Neither trades."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from qe_plugins.errors import FleetError
from qe_plugins.fleet.tools.context import ToolContext
from qe_plugins.fleet.tools.market import Instrument
from qe_plugins.fleet.tools.tool import ToolArguments


class DeployArguments(ToolArguments, frozen=True, kw_only=True):
    """What the captains below look at."""

    domains: Annotated[
        list[Literal["breakout", "mean_reversion", "calendar", "cross_market", "volatility"]],
        Meta(min_length=1, max_length=5, description="domains of the captains to ask"),
    ]


class BacktestArguments(ToolArguments, frozen=True, kw_only=True):
    """A rule to run over past bars."""

    instrument: Instrument
    side: Literal["long", "short"]
    feature: Annotated[
        Literal["momentum", "trend_t", "place", "volume_ratio"], Meta(description="of 60 bars")
    ]
    above: Annotated[float, Meta(ge=-50, le=50, description="enter where the feature is above it")]
    stop: Annotated[float, Meta(gt=0, le=50, description="stop in mean true ranges")]
    horizon: Annotated[int, Meta(ge=1, le=1_380, description="minutes until the exit")]


class ResultsArguments(ToolArguments, frozen=True, kw_only=True):
    """Jobs to wait for."""

    jobs: Annotated[
        list[Annotated[str, Meta(max_length=60)]],
        Meta(min_length=1, max_length=32, description="ids that `backtest` returned"),
    ]


def deploy(context: ToolContext, asked: DeployArguments) -> Any:
    """Ask the captains below this coordinator about the market as of now and return their
    aggregate by target: score from -1 to 1, confidence, votes. It is priced before it runs and
    refused above the budget.
    """
    if context.deploy is None:
        raise FleetError("no captains are below this session.")
    return context.deploy(list(dict.fromkeys(asked.domains)), str(context.role))


def backtest(context: ToolContext, asked: BacktestArguments) -> Any:
    """Begin a backtest of a rule over the bars known by now, net of costs, and return the id of its
    job at once. Begin several, then call `backtest_results` with their ids.
    """
    rule = msgspec.structs.asdict(asked)
    own = context.instrument(rule.pop("instrument"))
    return {"job": context.backtests.start(own, rule)}


def backtest_results(context: ToolContext, asked: ResultsArguments) -> Any:
    """Wait for backtests and return, by job, trades, mean R, its t statistic, and both halves
    apart, or why it failed. One that takes longer than a turn may is ended.
    """
    return {"results": context.backtests.wait(list(dict.fromkeys(asked.jobs)))}
