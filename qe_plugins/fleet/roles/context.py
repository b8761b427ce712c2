"""What one session of a role is given by its caller: the state of the desk as of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.messaging.outbox import Message
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.roles.attacks import AttackReport
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.fleet.tools.context import FactQuery, no_facts
from qe_plugins.journal.facts import Fact
from qe_plugins.plugins.types import Posture, Side, Trade
from qe_plugins.units import Money


class PersonLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits that a person set: a posture can only be tighter.

    `max_loss` is of a session, in account currency; `validity` is seconds.
    """

    max_contracts: int = 1
    max_loss: Money = Decimal(250)
    sides: tuple[Side, ...] = (Side.LONG, Side.SHORT)
    validity: float = 900.0


@dataclass(frozen=True, kw_only=True)
class RoleContext:
    """The state of the desk as of `as_of` (UTC nanoseconds): nothing in it is later but `held`,
    which beside a session is that of its last heartbeat.

    `lessons` have held since they were written, `learned` are the facts of all of them. `facts`
    reads the journal, `messages` are of the bus, `held` are signed contracts by instrument,
    `loss` is what the session has lost so far in account currency, `spent` what models have cost
    today. `postures` are those that are still in force. `trades` are the closed ones to review,
    `past` has the bars around them, also of contracts that are no longer traded; None: `market`.
    `attacks` are those on the thesis of ARBITER, `statement` is what the thesis says.
    `session` is the id under which calls are recorded: the same id and inputs pay nothing twice;
    the default names role, fleet and moment. With `replay` no call is made.
    """

    loaded: LoadedFleet
    market: MarketSnapshot
    as_of: int
    news: Sequence[str] = ()
    lessons: Sequence[str] = ()
    learned: Sequence[Fact] = ()
    facts: FactQuery = no_facts
    messages: Sequence[Message] = ()
    held: dict[str, int] = field(default_factory=dict)
    loss: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    postures: Sequence[Posture] = ()
    trades: Sequence[Trade] = ()
    past: MarketSnapshot | None = None
    limits: PersonLimits = field(default_factory=PersonLimits)
    attacks: AttackReport | None = None
    statement: str = ""
    session: str = ""
    replay: bool = False

    @property
    def mask(self) -> Mask:
        """Return how the session sees names, times and prices."""
        return Mask(self.market.instruments, self.loaded.fleet.mask_market)

    def session_of(self, role: str) -> str:
        """Return the id of the session of a role."""
        return self.session or session_id(role, self.loaded.fleet.name, self.as_of)


def session_id(role: str, fleet: str, moment: int) -> str:
    """Return the id of a role's session at a moment (UTC ns): `hunter-team-20240103T090000Z`."""
    at = datetime.fromtimestamp(moment // 1_000_000_000, UTC)
    return f"{role.lower()}-{fleet}-{at:%Y%m%dT%H%M%SZ}"
