"""A session day of ES in 2013 with models of all roles: its cost, its schedule, its limits.

    uv run pytest -m long -s tests/desk/test_day_with_models.py    # prints the figures of the day

`tests/fleet/sessions/test_on_model_server.py` has one session of each of these models as the small
sample.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins import state_dir
from qe_plugins.desk.day_journal import DeskDayJournal, run_id_of
from qe_plugins.desk.day_plan import plan_of
from qe_plugins.desk.records import StepKind, StepRecord, StepState
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.market.sessions import session_on
from qe_plugins.recordings.postures import of_run
from tests.command import ROOT, qe
from tests.fleet.models import KEYS, ONE_VENDOR, Vendor, vendor

NAME = "day-es"
DAY = date(2013, 10, 10)
SPEED = 120
TREE = {"captain": {"count": 1}, "supervisor": {"count": 2}, "worker": {"count": 2}}


def files(folder: Path, data: Path, server: Vendor) -> Path:
    """Write the session of the day and its desk, and return the desk's file."""
    day = session_on("ES", DAY)
    assert day is not None
    prices = {"dbn": str(data), "instruments": ["ESZ13.XCME"]}
    session = {
        "extends": str(ROOT / "configs" / "base" / "cme.yaml"),
        "name": NAME,
        "data": prices
        | {"bars": "1-MINUTE-LAST", "start": f"{day.open:%Y-%m-%dT%H:%M:%SZ}"}
        | {"end": f"{day.close:%Y-%m-%dT%H:%M:%SZ}"},
        "rung": {"name": "1 ES", "risk": "500 USD"},
        "slippage": {"model": "none"},
        "strategies": {"signal_follower": {}},
        "plugins": {
            "hunter_desk": {"recording": f"{NAME}-live", "longest": "30m"},
            "arbiter_vote": {},
            "dollar_risk": {},
            "guardian_limits": {"max_contracts": 1, "daily_loss": "2000 USD"}
            | {"stop_required": True},
            "analyst_trades": {},
        },
    }
    run = folder / "session.yaml"
    run.write_text(yaml.safe_dump(session, sort_keys=False), encoding="utf-8")
    replayed = {"config": str(run), "replay": "config", "speed": SPEED}
    desk = {
        "extends": str(ROOT / "configs" / "fleet" / "es_2013.yaml"),
        "name": NAME,
        "data": prices,
        "provider": "models",
        "base_urls": {"deepseek": f"{server.url}/v1"},
        "ranks": {name: rank | TREE.get(name, {}) for name, rank in ONE_VENDOR.items()},
        "coordinators": [
            {
                "role": "HUNTER",
                "captains": ["breakout"],
                "tasks": {"windows": {"timeframes": ["1m", "5m"], "bars": [30], "back": 5}},
            }
        ],
        "budgets": {"scan": "1 USD", "day": "50 USD"},
        "schedule": {"every": "1h"},
        "desk": {
            "root": "ES",
            "session": replayed,
            "limits": {"max_contracts": 2, "max_loss": "1500 USD", "validity": "1h"},
        },
    }
    file = folder / "desk.yaml"
    file.write_text(yaml.safe_dump(desk, sort_keys=False), encoding="utf-8")
    return file


def of(kind: StepKind, steps: dict[str, StepRecord]) -> list[StepRecord]:
    return [one for one in steps.values() if one.step.kind is kind]


def states(found: list[StepRecord]) -> set[StepState]:
    return {one.state for one in found}


def charged() -> Decimal:
    with Ledger() as ledger:
        return sum((one.usd for one in ledger.costs("scan")), Decimal(0))


def arbiters() -> Decimal:
    """Return what the sessions of ARBITER cost, which is no step of the desk."""
    with Ledger() as ledger:
        rows = ledger.costs("scan")
    return sum((one.usd for one in rows if one.group.startswith("arbiter-")), Decimal(0))


def refused_entries(facts: list[Fact], run: str) -> list[str]:
    """Return fills that opened something although a posture or a veto was against it."""
    vetoed = {one.cause for one in facts if one.kind is FactKind.VETO}
    held, found = Decimal(0), []
    for fill in (one for one in facts if one.kind is FactKind.FILL):
        body, order = fill.body, f"order:{fill.body['client_order_id']}"
        signed = Decimal(body["quantity"]) * (1 if body["side"] == "BUY" else -1)
        before, held = held, held + signed
        if abs(held) <= abs(before):
            continue
        side = "LONG" if held > 0 else "SHORT"
        posture = of_run(run).in_force(fill.ts_event - 60 * 10**9)  # the bar before the fill
        allowed = posture is not None and not posture.halt
        sides = None if posture is None else posture.sides
        if not allowed or (sides is not None and side not in map(str, sides)) or order in vetoed:
            found.append(f"{order} {side}")
    return found


@pytest.mark.long
def test_a_day_of_es_with_models_of_all_roles_pays_once_and_keeps_to_its_limits(
    tmp_path, shared_data, monkeypatch
):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with vendor(tmp_path, plays=True, output_tokens=None, latency=0.05) as server:
        file = files(tmp_path, shared_data / "es_2013", server)
        ran = qe("desk", file)
        assert ran.returncode == 0, ran.stderr[-3_000:]
        verdict = qe("fleet", "validate", file, "--thesis", "configs/theses/velocity.yaml")
        assert verdict.returncode in (0, 1), verdict.stderr
        paid, usd = len(server.paid), server.usd

    with Journal.open() as journal:
        day = DeskDayJournal(journal, run_id_of(NAME, DAY))
        written = journal.facts(day.run_id, [FactKind.STEP])
        for fact in written:
            day._read(fact)
        [run] = [name for name, one in journal.first_facts().items() if is_session(one)]
        facts = journal.facts(run)
        sessions = journal.page(kinds=[FactKind.DECISION], limit=10_000)
        assert journal.verify() == []
    steps, loaded, calendar = day.steps, load(file), session_on("ES", DAY)
    assert calendar is not None
    plan = plan_of(loaded.fleet.desk, loaded.fleet.schedule.every, calendar)  # type: ignore[arg-type]
    ended = Counter(f"{one.fact.source} {one.fact.body['end']}" for one in sessions)
    print_day(steps, ended, facts, usd, paid, ran.stderr, verdict.stdout)

    assert charged() == usd > 0
    with Ledger() as ledger:
        sent = [ledger.sent(row.group) for row in ledger.costs("scan")]
    assert sum(one.calls for one in sent) == sum(one.requests for one in sent) == paid
    hunts = of(StepKind.HUNT, steps)
    assert {one.step.due for one in hunts} <= set(plan.hunts)
    assert len(hunts) > len(plan.hunts) / 2  # a busy machine misses some: none is queued
    assert states(hunts) == {StepState.DONE}
    guards = of(StepKind.GUARD, steps)
    assert states(guards) == {StepState.DONE}
    for one, later in pairwise(guards):  # no moment without a posture in force
        assert one.valid_until is not None
        assert later.step.due <= datetime.fromtimestamp(one.valid_until / 1e9, UTC)
    assert guards[-1].step.due > calendar.close - timedelta(hours=3)
    trades = [one for one in facts if one.kind is FactKind.TRADE]
    reviews = of(StepKind.REVIEW, steps)
    assert len(trades) == len(reviews) > 0
    assert states(reviews) <= {StepState.DONE, StepState.SKIPPED}
    assert {one.split()[1] for one in ended} == {"answered"}
    assert {one.split()[0] for one in ended} == {
        *("hunter", "guardian", "analyst", "synthesis", "arbiter")
    }
    with Outbox() as bus:
        assert {str(one.role) for one in bus.read()} == {one.upper() for one in roles(ended)}
    assert refused_entries(facts, run) == []
    reports = of(StepKind.REPORT, steps)
    assert [one.step.due for one in reports] == [*plan.reports, plan.nightly]
    assert states(reports) == states(of(StepKind.PARITY, steps)) == {StepState.DONE}
    assert [one.body["clean"] for one in written if "clean" in one.body] == [True]
    page = (state_dir.state_dir() / "reports" / f"{DAY}.html").read_text(encoding="utf-8")
    assert f"and {day.spent():,.2f} USD of models" in page
    assert day.spent() + arbiters() == usd
    assert (state_dir.state_dir() / "reports" / "synthesis" / f"{DAY}.html").exists()


def is_session(first: Fact) -> bool:
    return first.body.get("mode") == "paper"


def roles(ended: Counter[str]) -> set[str]:
    return {one.split()[0] for one in ended}


def print_day(
    steps: dict[str, StepRecord],
    ended: Counter[str],
    facts: list[Fact],
    usd: Decimal,
    paid: int,
    *said: str,
) -> None:
    kinds = Counter(str(one.kind) for one in facts)
    seen: dict[str, Any] = {
        "steps": dict(Counter(f"{one.step.kind} {one.state}" for one in steps.values())),
        "sessions": dict(ended),
        "facts": {name: kinds[name] for name in ("vote", "signal", "veto", "fill", "trade")},
        "calls": paid,
        "usd": str(usd),
    }
    print(yaml.safe_dump(seen, sort_keys=False), *said, sep="\n")
