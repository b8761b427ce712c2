"""One node's model, asked: its typed answer, or why there is none."""

from __future__ import annotations

import msgspec

from qe_plugins.decisions import Role
from qe_plugins.errors import FleetError, ModelError
from qe_plugins.fleet.answers import Said, answer_type, said
from qe_plugins.fleet.outcome import Outcome
from qe_plugins.fleet.tree import Node
from qe_plugins.llm.client import Client
from qe_plugins.llm.records import Request


class Spoken(msgspec.Struct, frozen=True):
    """What a model had to say to the request of a `key`; without an answer there is a failure."""

    answer: Said | None
    failure: str | None
    key: str

    def of_parent(self, whole: Outcome) -> Outcome:
        """Return a parent's outcome with what its model said."""
        return msgspec.structs.replace(
            whole, answer=self.answer, failure=self.failure, key=self.key
        )


async def asked(
    client: Client, node: Node, role: Role, request: Request, deadline: float
) -> Spoken:
    """Return what a node's model says by a time of the loop's clock.

    Raises as `Client.ask`, and ModelError or FleetError where a provider answers no call at all.
    """
    kind = answer_type(node.level, role)
    settled = await client.ask(request, kind, deadline=deadline)
    if settled.failure is not None:
        refuse_halted(client)
        return Spoken(None, str(settled.failure), settled.key)
    return Spoken(said(settled.typed(kind)), None, settled.key)


def refuse_halted(client: Client) -> None:
    """Raise ModelError where a provider gets no more calls, FleetError where that may pass."""
    if (halt := client.halt) is not None:
        kind = ModelError if halt.lasting else FleetError
        raise kind(halt.message, where=halt.where, hint=halt.hint)
