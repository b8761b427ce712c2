"""Every tool by name, and those of each role."""

from __future__ import annotations

from qe_plugins.fleet.tools import desk, market, work
from qe_plugins.fleet.tools.tool import Tool
from qe_plugins.plugins.types import Role

TOOLS = {
    one.name: one
    for one in (
        Tool("instruments", market.NoArguments, market.instruments),
        Tool("features", market.WindowArguments, market.features),
        Tool("bars", market.WindowArguments, market.bars),
        Tool("journal", desk.JournalArguments, desk.journal),
        Tool("positions", market.NoArguments, desk.positions),
        Tool("posture", market.NoArguments, desk.posture),
        Tool("messages", desk.MessageArguments, desk.messages),
        Tool("lessons", market.NoArguments, desk.lessons),
        Tool("news", market.NoArguments, desk.news),
        Tool("deploy", work.DeployArguments, work.deploy),
        Tool("backtest", work.BacktestArguments, work.backtest),
        Tool("backtest_results", work.ResultsArguments, work.backtest_results),
    )
}

OF_ROLES = {
    Role.HUNTER: ("instruments", "features", "bars", "deploy", "messages", "lessons", "news"),
    Role.GUARDIAN: (
        *("instruments", "features", "positions", "posture", "journal", "messages", "news"),
        *("lessons", "deploy"),
    ),
    Role.ANALYST: ("journal", "backtest", "backtest_results", "lessons", "features", "deploy"),
    Role.ARBITER: ("backtest", "backtest_results", "features", "journal", "messages", "lessons"),
    Role.SYNTHESIS: ("journal", "messages", "lessons", "positions", "posture"),
}
"""The tools that a session of a role is offered."""


def tools_of(role: Role) -> dict[str, Tool]:
    """Return the tools of a role by name."""
    return {name: TOOLS[name] for name in OF_ROLES[role]}
