"""`qe mcp` as a client sees it: the SDK's own client, over the pipes of a real process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import SessionStatus, this_process, write_status
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.plugins.types import Posture
from qe_plugins.recordings.postures import PostureFile
from tests.command import ROOT

NOW = datetime(2024, 1, 3, 15, tzinfo=UTC)
SECOND = 10**9

type Use = Callable[[Client], Awaitable[None]]


def served(use: Use, *options: str) -> None:
    """Have a client use a server until it is done; the server ends with its input."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "qe_plugins.cli", "mcp", *options],
        env=dict(os.environ),
        cwd=ROOT,
    )

    async def session() -> None:
        async with Client(stdio_client(server)) as client:
            await use(client)

    async def limited() -> None:
        with anyio.fail_after(600):
            await session()

    anyio.run(limited)


async def asked(client: Client, tool: str, **arguments: Any) -> Any:
    """Return what a tool answered, which must be no error."""
    result = await client.call_tool(tool, arguments)
    text = result.content[0].text
    assert not result.is_error, text
    return json.loads(text)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Return why a tool refused."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)


def a_session() -> str:
    """Have a session seem to run: its heartbeat, and a run with a trade in the journal."""
    run = "20240103-150000-000000-day-paper"
    pid, host = this_process()
    write_status(
        SessionStatus(
            run_id=run,
            name="day",
            mode="paper",
            pid=pid,
            host=host,
            started=NOW,
            engine_time=NOW,
            wall_time=NOW,
            positions={"MESH24.XCME": Decimal(1)},
        )
    )
    at = int(NOW.timestamp()) * SECOND
    facts = [
        Fact(id="run", kind=FactKind.RUN, ts_event=at, source="qe", body={"mode": "paper"}),
        Fact(
            id="signal:1",
            kind=FactKind.SIGNAL,
            ts_event=at,
            source="arbiter_vote",
            cause="run",
            body={"instrument_id": "MESH24.XCME", "side": "LONG", "reason": "a move"},
        ),
        Fact(
            id="trade:T-1",
            kind=FactKind.TRADE,
            ts_event=at + 60 * SECOND,
            source="signal_follower",
            cause="signal:1",
            body={
                "instrument_id": "MESH24.XCME",
                "side": "LONG",
                "opened": at,
                "closed": at + 60 * SECOND,
                "entry": "4700.00",
                "exit": "4702.50",
                "pnl": "12.50",
                "currency": "USD",
                "orders": [],
            },
        ),
    ]
    with Journal.open() as journal:
        journal.write_run(run, "day", NOW, facts)
    return run


def test_a_client_reads_the_desk_prices_and_scans_within_a_budget_and_can_only_tighten():
    run = a_session()
    ends: dict[str, Any] = {}

    async def use(client: Client) -> None:
        tools = {one.name: one for one in (await client.list_tools()).tools}
        ends["tools"] = tools
        status = await asked(client, "status")
        assert status["sessions"][0]["status"]["positions"] == {"MESH24.XCME": "1"}
        signals = await asked(client, "facts", kinds=["signal"], run="last")
        assert [one["fact"]["id"] for one in signals] == ["signal:1"]
        chain = (await asked(client, "trace", trade="last"))["chain"]
        assert [one["fact"]["id"] for one in chain] == ["run", "signal:1", "trade:T-1"]
        assert (await asked(client, "report", day="2024-01-03"))["net"] == {"USD": "12.50"}
        price = await asked(client, "price_scan", config="team.yaml")
        assert Decimal(price["plan"]["now"]) > 0
        assert price["left"] == "0.50"
        found = await asked(client, "run_scan", config="team.yaml", max_cost=0.1)
        assert found["quorum"] is True
        assert (await asked(client, "scans"))[0]["scan"] == found["scan_id"]
        assert (await asked(client, "scan", scan="last"))["rank"] == "desk"
        published = await asked(
            client, "tighten_posture", run=run, reason="payrolls", minutes=30, max_contracts=0
        )
        assert published["in_force"]["max_contracts"] == 0
        again = await asked(
            client, "tighten_posture", run=run, reason="calmer", minutes=60, max_contracts=5
        )
        assert again["in_force"]["max_contracts"] == 0
        ends["refusals"] = [
            await refused(client, "tighten_posture", run=run, reason="nothing", minutes=5),
            await refused(client, "tighten_posture", run="other", reason="why", minutes=5, halt=1),
            await refused(client, "facts", kinds=["orders"]),
            await refused(client, "run_scan", config="../live/mes_paper.yaml", max_cost=0.1),
            await refused(client, "submit_order", side="BUY"),
        ]

    served(use, "--budget", "0.50")

    assert {name for name, one in ends["tools"].items() if not one.annotations.read_only_hint} == {
        "run_scan",
        "tighten_posture",
    }
    assert all(one.input_schema["additionalProperties"] is False for one in ends["tools"].values())
    assert [one.partition(":")[0] for one in ends["refusals"]] == [
        "tighten_posture",
        "tighten_posture",
        "facts",
        "run_scan",
        "there is no tool 'submit_order'.",
    ]
    limit = PostureFile(run).in_force(int(NOW.timestamp()) * SECOND)
    assert isinstance(limit, Posture)
    assert limit.max_contracts == 0


def test_what_it_cannot_do_it_cannot_do_under_a_halt_either():
    HaltLatch.at_home().set("the news at two", source="person", by="ann")
    before = HaltLatch.at_home().read()

    async def use(client: Client) -> None:
        assert "halted since" in await refused(client, "run_scan", config="team.yaml", max_cost=0.1)
        assert (await asked(client, "status"))["halt"]["reason"] == "the news at two"

    served(use)
    assert HaltLatch.at_home().read() == before
