"""The loop of one session: ask, run the tools it called, ask again, until it answers or must end.

The SDK's own tool runner is not used: it sends calls that no budget has reserved and no ledger
knows. A tool's result is data: whatever stands in it, the tools of the session stay the same, each
of them read-only, and the answer has the type of its role.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.fleet.scan.runner import raise_if_halted
from qe_plugins.fleet.sessions.records import SessionEnd, SessionResult
from qe_plugins.fleet.settings import SessionLimits
from qe_plugins.fleet.tools.context import ToolContext
from qe_plugins.fleet.tools.tool import Tool, called
from qe_plugins.fleet.tree import Level
from qe_plugins.llm.client.client import Client
from qe_plugins.llm.pricing.price_list import price_list, worst_case
from qe_plugins.llm.requests import Answer, Failure, Request, schema_text
from qe_plugins.llm.tools import (
    ToolCall,
    ToolExchange,
    ToolResult,
    Turn,
    encoded_exchanges,
    encoded_offer,
)

ENDS = {
    Failure.LATE: SessionEnd.DEADLINE,
    Failure.TIMEOUT: SessionEnd.DEADLINE,
    Failure.BUDGET: SessionEnd.BUDGET,
    Failure.REFUSED: SessionEnd.REFUSED,
    Failure.INVALID: SessionEnd.INVALID,
    Failure.BLANK: SessionEnd.INVALID,
}


class SessionOpening(msgspec.Struct, frozen=True, kw_only=True):
    """What a session begins with: who asks whom, the prompts, and the type of the answer."""

    session: str
    role: str
    provider: str
    model: str
    system: str
    prompt: str
    answer_type: Any


async def run_session(
    client: Client,
    opening: SessionOpening,
    tools: dict[str, Tool],
    context: ToolContext,
    limits: SessionLimits,
) -> SessionResult[Any]:
    """Run a session to its end; without an answer the result says why.

    Raises what `Client.ask` raises, ModelError or FleetError where the provider is halted, and
    whatever exception a defective tool raises.
    """
    return await _Session(client, opening, tools, context, limits).run()


class _Session:
    def __init__(
        self,
        client: Client,
        opening: SessionOpening,
        tools: dict[str, Tool],
        context: ToolContext,
        limits: SessionLimits,
    ) -> None:
        self._client, self._opening, self._tools = client, opening, tools
        self._context, self._limits = context, limits
        self._specs = tuple(one.spec for one in tools.values())
        self._exchanges: list[ToolExchange] = []
        self._answers: list[Answer] = []
        self._known: dict[bytes, str] = {}
        self._errors = 0

    async def run(self) -> SessionResult[Any]:
        loop = asyncio.get_running_loop()
        began, until = loop.time(), loop.time() + self._limits.deadline
        for number in range(1, self._limits.turns + 1):
            may_call = number < self._limits.turns
            request = self._request(may_call=may_call)
            if may_call and not self._affordable(request):
                may_call, request = False, self._request(may_call=False)
            deadline = min(loop.time() + self._limits.turn_deadline, until)
            kind = Turn[self._opening.answer_type]  # type: ignore[name-defined]
            answer = await self._client.ask(request, kind, deadline=deadline)
            self._answers.append(answer)
            if answer.failure is not None:
                raise_if_halted(self._client)
                end = ENDS.get(answer.failure, SessionEnd.PROVIDER)
                return self._ended(end, loop.time() - began, answer.detail or str(answer.failure))
            turn = answer.typed(kind)
            if turn.answer is not None:
                return self._ended(SessionEnd.ANSWERED, loop.time() - began, "", turn.answer)
            if not may_call:
                detail = f"called a tool in turn {number}, in which it had to answer"
                return self._ended(SessionEnd.TURNS, loop.time() - began, detail)
            self._exchanges.append(await self._exchange(turn))
        raise AssertionError("the last turn may call no tool")

    def _request(self, *, may_call: bool) -> Request:
        one = self._opening
        return Request(
            provider=one.provider,
            model=one.model,
            rank=Level.COORDINATOR,
            role=one.role,
            node=one.session,
            task_id=f"turn {len(self._exchanges) + 1}",
            system=one.system,
            prompt=one.prompt,
            schema_name=getattr(one.answer_type, "__name__", "Answer"),
            schema=schema_text(one.answer_type),
            max_tokens=self._limits.output_tokens,
            tools=encoded_offer(self._specs, may_call=may_call),
            exchanges=encoded_exchanges(self._exchanges),
        )

    def _affordable(self, request: Request) -> bool:
        """Return whether this turn and one more, which may be as long again, are in the budget."""
        if self._limits.usd is None or price_list().provider(request.provider).free:
            return True
        worst = worst_case(price_list(), request, datetime.now(UTC), timedelta(minutes=5))
        return self._spent() + 3 * worst <= self._limits.usd

    def _spent(self) -> Decimal:
        return sum((one.usd for one in self._answers), Decimal(0))

    async def _exchange(self, turn: Turn[Any]) -> ToolExchange:
        results = [await self._result(n, call) for n, call in enumerate(turn.calls)]
        self._errors += sum(one.error for one in results)
        return ToolExchange(turn.calls, tuple(results), turn.text)

    async def _result(self, number: int, call: ToolCall) -> ToolResult:
        if number >= self._limits.calls:
            text = f"not run: at most {self._limits.calls} calls a turn"
            return ToolResult(call.id, text, error=True)
        same = msgspec.json.encode([call.name, call.arguments], order="deterministic")
        if same in self._known:
            text = f"the same call as {self._known[same]}: its result is above"
            return ToolResult(call.id, text, error=True)
        self._known[same] = call.id
        # in a thread: a tool may run the tree below, which has a loop of its own
        text, error = await asyncio.to_thread(
            called, self._tools, self._context, call.name, call.arguments
        )
        return ToolResult(call.id, text, error)

    def _ended(
        self, end: SessionEnd, seconds: float, detail: str, answer: Any = None
    ) -> SessionResult[Any]:
        last = self._answers[-1]
        return SessionResult(
            session=self._opening.session,
            role=self._opening.role,
            end=end,
            answer=answer,
            detail=detail,
            exchanges=tuple(self._exchanges),
            turns=len(self._answers),
            tool_errors=self._errors,
            usd=self._spent(),
            seconds=round(seconds, 3),
            provider=last.provider,
            model=last.model,
            cutoff=last.cutoff,
            prompt=hashlib.sha256(self._opening.system.encode()).hexdigest(),
            keys=tuple(one.key for one in self._answers),
        )
