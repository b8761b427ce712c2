"""What the tools of a session look at: the market, the journal and the bus as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from qe_plugins.errors import FleetError, did_you_mean
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.messaging.outbox import Message
from qe_plugins.fleet.prompts.masking import Mask
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Posture, Role

type FactQuery = Callable[[Sequence[FactKind], int, int], list[Fact]]
"""Returns at most n facts of some kinds with `ts_event` up to a moment, newest first."""

type Deploy = Callable[[list[str], str], dict[str, Any]]
"""Runs the tree below a coordinator on instruments and a question, and returns its aggregate."""


class SessionBacktests(Protocol):
    """Runs micro-backtests over the bars known by now, each as a job."""

    def start(self, instrument: str, rule: dict[str, Any]) -> str:
        """Begin a job of a rule and return its id. Raises FleetError for too few bars."""

    def wait(self, jobs: list[str]) -> list[dict[str, Any]]:
        """Return how jobs ended, once all have. Raises FleetError for an unknown one."""


def no_facts(kinds: Sequence[FactKind], until: int, limit: int) -> list[Fact]:
    """Return no facts: there is no journal."""
    return []


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """One session's view. Nothing in it is later than `as_of` (UTC nanoseconds).

    `mask` names instruments as the session sees them. `held` has the signed contracts by
    instrument; `posture` is the one in force. `deploy` is None where no captains are below.
    """

    loaded: LoadedFleet
    role: Role
    market: MarketSnapshot
    as_of: int
    mask: Mask
    backtests: SessionBacktests
    news: Sequence[str] = ()
    lessons: Sequence[str] = ()
    facts: FactQuery = no_facts
    messages: Sequence[Message] = ()
    held: dict[str, int] = field(default_factory=dict)
    posture: Posture | None = None
    deploy: Deploy | None = None

    def instrument(self, shown: str) -> str:
        """Return the instrument of a name as the session sees it. Raises FleetError."""
        names = {self.mask.name(one): one for one in self.market.instruments}
        if shown not in names:
            hint = did_you_mean(shown, names) or f"Known: {', '.join(names)}."
            raise FleetError(f"unknown instrument '{shown[:60]}'.", hint=hint)
        found: str = names[shown]
        return found

    def minutes_ago(self, moment: int) -> float:
        """Return how many minutes before the session a moment (UTC ns) is: no date is shown."""
        return round((self.as_of - moment) / 60e9, 1)
