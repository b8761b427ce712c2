"""Tools that ask models: the price of a scan, and a scan within the budget of a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from msgspec import Meta

from qe_plugins import project, state_dir
from qe_plugins.errors import ConfigError, FleetError
from qe_plugins.fleet.loader import LoadedFleet, load
from qe_plugins.fleet.scan import estimate, lifecycle
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.tool_server.toolset import Effect, ServedTool, ToolInput, ToolScope

PROCESS = "mcp scan"
"""The name under which scans of these tools are reported; by it their costs are summed."""

MOST_ROWS = 10_000

Amount = Annotated[float, Meta(gt=0, le=100)]


class FleetInput(ToolInput, frozen=True):
    """A file of `configs/fleet/`, such as `team.yaml`."""

    config: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}\.yaml$")]


class ScanOrder(FleetInput, frozen=True):
    """A file of `configs/fleet/`, and the most that the scan may cost in USD."""

    max_cost: Amount


def price_scan(given: FleetInput, scope: ToolScope) -> dict[str, Any]:
    """Return the estimate of a scan, and what is left of today's budget. No model is called."""
    plan = estimate.plan(fleet(given.config).fleet)
    today = _midnight(scope.now())
    return {"plan": plan, "budget": scope.budget, "left": scope.budget - _spent_since(today)}


def run_scan(given: ScanOrder, scope: ToolScope) -> Any:
    """Run a scan and return its result.

    Raises FleetError where it may cost more than allowed or than is left of the day's budget, where
    another scan of these tools runs, and while trading is halted.
    """
    with _one_at_a_time():
        left = scope.budget - _spent_since(_midnight(scope.now()))
        loaded = fleet(given.config)
        if loaded.fleet.provider != "offline":
            most = Decimal(str(given.max_cost))
            limit = min(most, left)
            price = estimate.plan(loaded.fleet).peak
            if price > limit:
                raise FleetError(
                    f"a scan may cost ${price}, and ${max(limit, Decimal(0))} is allowed: "
                    f"${most} asked for, ${max(left, Decimal(0))} left of the day's "
                    f"${scope.budget}.",
                    where=given.config,
                    hint="A person sets the budget of a day: `qe mcp --budget USD`.",
                )
            known = loaded.fleet.budgets.scan
            cap = limit if known is None else min(known, limit)
            loaded = fleet(given.config, f"budgets.scan={cap}")
        begun = lifecycle.begin(loaded)
        _report(begun.scan_id, given.config, scope)
        return lifecycle.run(begun)


def fleet(config: str, *overrides: str) -> LoadedFleet:
    """Return the fleet of a file of `configs/fleet/`. Raises ConfigError where there is none."""
    folder = (project.find_root(Path.cwd()) or Path.cwd()) / "configs" / "fleet"
    file = folder / config
    if not file.is_file():
        known = ", ".join(sorted(one.name for one in folder.glob("*.yaml"))) or "none"
        raise ConfigError("no such file.", where=f"configs/fleet/{config}", hint=f"There: {known}.")
    return load(file, overrides)


def _report(scan_id: str, config: str, scope: ToolScope) -> None:
    """Note a scan before its first call: its cost counts from then on, whatever happens to it."""
    entry = PipelineEntry(
        process=PROCESS,
        kind=ActivityKind.JOB,
        text=f"scan {scan_id} of {config}",
        actor=scope.source,
        scan_id=scan_id,
        href=f"/orchestration/{scan_id}",
    )
    with ActivityJournal.open() as journal:
        journal.record(entry)


def _spent_since(at: datetime) -> Decimal:
    """Return what scans of these tools cost since a moment, calls in doubt at worst case."""
    if not Journal.exists():
        return Decimal(0)
    with ActivityJournal.open() as journal:
        rows = journal.rows(
            kinds=[ActivityKind.JOB], since_ns=int(at.timestamp()) * 10**9, limit=MOST_ROWS
        )
    scans = {row.scan_id for row in rows if row.process == PROCESS and row.scan_id}
    spent = Decimal(0)
    with Ledger() as ledger:
        for scan in scans:
            sent = ledger.sent(scan)
            spent += sent.usd + sent.in_doubt
    return spent


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    folder = state_dir.state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "mcp-scan.lock", timeout=0):
            yield
    except Timeout as error:
        raise FleetError(
            "another scan of these tools runs.", where="scan", hint="Ask again once it has ended."
        ) from error


TOOLS = (
    ServedTool(
        name="price_scan",
        about="What a scan of a fleet would cost, by rank, and what is left of today's budget. "
        "Free: no model is called.",
        effect=Effect.READS,
        arguments=FleetInput,
        call=price_scan,
    ),
    ServedTool(
        name="run_scan",
        about="Run one scan of a fleet within `max_cost` and within the budget of the day, and "
        "return its result. It is an opinion: no signal is published and no order is sent.",
        effect=Effect.SPENDS,
        arguments=ScanOrder,
        call=run_scan,
    ),
)
