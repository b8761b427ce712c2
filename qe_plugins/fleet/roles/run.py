"""Run one session of a role: its client, its loop, its outcome, the journal and the bus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from qe_plugins.fleet.backtests.jobs import BacktestJobs
from qe_plugins.fleet.messaging.outbox import Message, Outbox
from qe_plugins.fleet.prompts.files import role_prompt, seat_prompt
from qe_plugins.fleet.rank_models import provider_and_model
from qe_plugins.fleet.roles.analyst import ANALYST
from qe_plugins.fleet.roles.arbiter import ARBITER
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.deployment import deployment
from qe_plugins.fleet.roles.guardian import GUARDIAN
from qe_plugins.fleet.roles.hunter import HUNTER
from qe_plugins.fleet.roles.micro_backtests import MicroBacktests
from qe_plugins.fleet.roles.role import RoleWork
from qe_plugins.fleet.roles.synthesis import SYNTHESIS
from qe_plugins.fleet.scan.lifecycle import client_for, run_on_uvloop
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import BEGIN, RuleProvider
from qe_plugins.fleet.sessions.session import SessionOpening, run_session
from qe_plugins.fleet.tools import ToolContext, tools_of
from qe_plugins.fleet.tree import Level
from qe_plugins.halt.latch import refuse_if_halted
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.llm.client.client import Client
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.providers.base import Provider
from qe_plugins.llm.providers.offline import NAME as OFFLINE
from qe_plugins.llm.providers.registry import open_providers
from qe_plugins.plugins.types import Role
from qe_plugins.recordings.postures import tightest

WORK: dict[Role, RoleWork] = {
    one.role: one for one in (HUNTER, GUARDIAN, ANALYST, ARBITER, SYNTHESIS)
}


class RoleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A finished session of a role: the session, and `found`, what code made of its answer.

    `run_id` is that of the journal's run, None where the session was in it already.
    """

    role: Role
    session: SessionResult[Any]
    found: Any
    run_id: str | None = None


def run_role(role: Role, context: RoleContext) -> RoleOutcome:
    """Run a session of a role, write it to the journal and the bus, and return its outcome.

    A session without an answer has an outcome too: no signal, the limits that code computes, no
    review, no pass. The same session repeated pays nothing again and writes nothing twice. Raises
    ReplayMiss in a replay, ModelError where a key or a price is missing, Halted while trading is
    halted, and QeErrors of journal and bus.
    """
    if not context.replay:
        refuse_if_halted()
    work = WORK[role]
    sessions = [run_on_uvloop(_session(work, context, seat)) for seat in range(1, work.seats + 1)]
    session = sessions[0]
    found = work.jury(context, sessions) if work.jury else work.outcome(context, session)
    run_id = None if context.replay else _recorded(work, context, session, found)
    if not context.replay:
        _publish(work, context, session.session, found)
    return RoleOutcome(role=role, session=session, found=found, run_id=run_id)


def tool_context(role: Role, context: RoleContext, jobs: BacktestJobs) -> ToolContext:
    """Return what the tools of a role's session look at; its backtests are among `jobs`."""
    return ToolContext(
        loaded=context.loaded,
        role=role,
        market=context.market,
        as_of=context.as_of,
        mask=context.mask,
        news=context.news,
        lessons=context.lessons,
        facts=context.facts,
        messages=context.messages,
        held=context.held,
        posture=tightest(context.postures),
        deploy=deployment(role, context),
        backtests=MicroBacktests(context, jobs),
    )


def role_client(context: RoleContext, session: str) -> Client:
    """Return a client for the calls of a session, to be closed, within the session's budget."""
    fleet = context.loaded.fleet
    budgets = msgspec.structs.replace(fleet.budgets, scan=fleet.sessions.usd, ranks={})
    fleet = msgspec.structs.replace(fleet, budgets=budgets)
    name, _ = provider_and_model(fleet, Level.COORDINATOR, price_list())
    opened: dict[str, Provider] = {OFFLINE: RuleProvider({r: w.rule for r, w in WORK.items()})}
    if name != OFFLINE and not context.replay:
        opened = open_providers([name], base_urls=fleet.base_urls)
    elif name != OFFLINE:
        opened = {name: opened[OFFLINE]}  # a replay makes no call
    return client_for(session, fleet, replay=context.replay, opened=opened)


async def _session(work: RoleWork, context: RoleContext, seat: int) -> SessionResult[Any]:
    """Return the session of a seat, from 1. Those of a jury do not know of each other."""
    session = context.session_of(work.role)
    session = f"{session}-seat-{seat}" if seat > 1 else session
    fleet = context.loaded.fleet
    provider, model = provider_and_model(fleet, Level.COORDINATOR, price_list())
    system = role_prompt(work.role)
    if work.jury is not None:
        system = f"{system}\n\n{seat_prompt(seat)}"
    given = msgspec.json.encode(work.inputs(context)).decode()
    opening = SessionOpening(
        session=session,
        role=work.role,
        provider=provider,
        model=model,
        system=system,
        prompt=f"{BEGIN}{given}",
        answer_type=work.answer_type,
    )
    async with role_client(context, session) as client:
        with BacktestJobs(session, fleet.sessions.turn_deadline) as jobs:
            seen = tool_context(work.role, context, jobs)
            return await run_session(client, opening, tools_of(work.role), seen, fleet.sessions)


def _recorded(
    work: RoleWork, context: RoleContext, session: SessionResult[Any], found: Any
) -> str | None:
    """Write a session and its outcome as a run; return its id, None where it is written."""
    name = f"{work.role.lower()} {context.loaded.fleet.name}"
    head = Fact(
        id="run:1",
        kind=FactKind.RUN,
        ts_event=context.as_of,
        source="quant-engine",
        body={"name": name, "role": str(work.role)},
    )
    decision = Fact(
        id="decision:1",
        kind=FactKind.DECISION,
        ts_event=context.as_of,
        source=work.role.lower(),
        cause=head.id,
        body=session.facts(),
    )
    facts = [head, decision, *work.facts(context, found, decision.id)]
    with Journal.open() as journal:
        if any(run.run_id == session.session for run in journal.runs()):
            return None
        journal.write_run(session.session, name, datetime.now(UTC), facts)
    return session.session


def _publish(work: RoleWork, context: RoleContext, session: str, found: Any) -> None:
    """Publish the outcome on the bus, once."""
    body = work.message(found)
    if body is None:
        return
    with Outbox() as bus:
        before = bus.read(scan=session)
        if all(one.body != body for one in before):
            number = len(before) + 1
            message = Message(
                scan=session, sender=work.role, role=work.role, sequence=number, body=body
            )
            bus.publish(message)
