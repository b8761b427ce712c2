"""A model that follows a script of turns, and a context over a random market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.fleet.backtests.jobs import BacktestJobs
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.micro_backtests import MicroBacktests
from qe_plugins.fleet.tools import ToolContext
from qe_plugins.llm.client.client import Client, ClientSettings
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.providers.base import Completion
from qe_plugins.llm.requests import Request, Usage
from qe_plugins.llm.settings import Budgets
from qe_plugins.llm.tools import exchanged, turn_text
from qe_plugins.plugins.types import Role
from tests.fleet.conftest import market

MODEL = "claude-haiku-5-5"


def calls(*wanted: tuple[str, dict[str, Any]]) -> str:
    """Return a turn that calls tools."""
    return turn_text(
        [{"id": f"t{n}", "name": name, "arguments": what} for n, (name, what) in enumerate(wanted)],
        "",
    )


def answer(**fields: Any) -> str:
    """Return a turn that answers."""
    return turn_text([], msgspec.json.encode(fields).decode())


class Scripted:
    """Gives the turn of the script that is next by the exchanges so far; the last one repeats."""

    def __init__(self, *turns: str | Exception) -> None:
        self.turns, self.requests = turns, list[Request]()

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        self.requests.append(request)
        turn = self.turns[min(len(exchanged(request.exchanges)), len(self.turns) - 1)]
        if isinstance(turn, Exception):
            raise turn
        return Completion(turn, Usage(input=100, output=20), MODEL)

    async def aclose(self) -> None:
        """Do nothing."""


def client(model: Scripted, file: Path, session: str = "s-1", **more: Any) -> Client:
    """Return a client that asks the script under the name of a paid provider."""
    return Client(
        session,
        {"anthropic": model},
        budgets=Budgets(scan=more.pop("usd", None)),
        settings=ClientSettings(hedge_share=0.0, retries=0, **more),
        ledger=Ledger(file),
    )


def tool_context(loaded: LoadedFleet, role: Role = Role.HUNTER, **more: Any) -> ToolContext:
    """Return a context over three thousand minutes of a random walk."""
    known = market()
    return ToolContext(
        loaded=loaded,
        role=role,
        market=known,
        as_of=known.as_of,
        mask=Mask(known.instruments),
        backtests=MicroBacktests(
            RoleContext(loaded=loaded, market=known, as_of=known.as_of), BacktestJobs("s-1", 60.0)
        ),
        **more,
    )


def roles(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return coordinators of these roles as a fleet's file has them."""
    tasks = {"windows": {"timeframes": ["1m", "5m"], "bars": [20], "back": 6}}
    return [{"role": name, "tasks": tasks} for name in names]
