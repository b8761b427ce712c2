"""A strategy on its ladder: its standing, and all that the journal has of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qe_plugins import wall_clock
from qe_plugins.config.loader import Loaded, load
from qe_plugins.config.yaml_reader import display
from qe_plugins.errors import LadderError
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.claims import Claim, claim_of, filed_claim
from qe_plugins.ladder.criteria import Criterion, Measured, as_data, criteria_of, measure
from qe_plugins.ladder.outcomes import (
    NO_FACTS,
    FreshFacts,
    LadderSession,
    StrategyRecords,
    records_of,
)
from qe_plugins.ladder.rungs import Ladder, LadderRung, WrittenClaim, load_ladder
from qe_plugins.ladder.state import (
    Event,
    Recorded,
    Standing,
    Transition,
    histories,
    standing_of,
    write,
)

HALTS = {
    "expired_posture": "posture_expired",
    "book": "unexplained_position",
    "protection": "stop_missing",
}
"""Causes of a demotion by the source of a halt, where it has another name."""


class OnLadder(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy on its ladder with all that the journal has of it."""

    name: str
    ladder: Ladder
    standing: Standing
    records: StrategyRecords
    measured: Measured
    criteria: list[Criterion]

    @property
    def rung(self) -> LadderRung:
        """Return the rung it is on."""
        return self.ladder.rules.rungs[self.place]

    @property
    def place(self) -> int:
        """Return the place of its rung, 0 for the lowest."""
        return self.ladder.rules.index(self.standing.rung)

    @property
    def above(self) -> LadderRung | None:
        """Return the next rung, None on the highest."""
        rungs = self.ladder.rules.rungs
        return rungs[self.place + 1] if self.place + 1 < len(rungs) else None


def configured(file: Path | str) -> tuple[Loaded, Ladder, str]:
    """Return a run's configuration, its ladder, and its name there.

    Raises ConfigError for a configuration without `ladder:`, and for one with several strategies.
    """
    loaded = load(file)
    return loaded, *ladder_of(loaded)


def ladder_of(loaded: Loaded) -> tuple[Ladder, str]:
    """Return the ladder that a configuration names, and the strategy's name there."""
    settings = loaded.config.ladder
    if settings is None:
        hint = "Write `ladder: {file: configs/ladder/mes_to_es.yaml}`."
        raise loaded.error("names no ladder.", "ladder", hint=hint)
    if len(loaded.config.strategies) != 1:
        count = len(loaded.config.strategies)
        message = f"a ladder is of one strategy, the configuration has {count}."
        raise loaded.error(message, "strategies", hint="Write one file for each.")
    ladder = load_ladder(settings.file)
    return ladder, settings.name or loaded.config.name


def claim_in(journal: Journal, loaded: Loaded, ladder: Ladder) -> Claim | None:
    """Return the claim that a configuration comes with, None where it names no file of one."""
    settings, written = loaded.config.ladder, ladder.rules.claim
    if isinstance(written, WrittenClaim):
        return claim_of(ladder.rules, written)
    if settings is None or not settings.claim:
        return None
    return filed_claim(journal, ladder.rules, settings.claim)


def read(
    journal: Journal,
    ladder: Ladder,
    name: str,
    claim: Claim | None = None,
    fresh: FreshFacts = NO_FACTS,
) -> OnLadder:
    """Return a strategy on its ladder; `claim` is its book's, `fresh` as in `records_of`.

    Raises LadderError for a rung that the file does not have, JournalError for a journal that
    cannot be read.
    """
    standing = standing_of(name, histories(journal).get(name, []))
    try:
        ladder.rules.index(standing.rung)
    except KeyError:
        raise LadderError(
            f"{name} is on {standing.rung}, which the ladder does not have.",
            where=str(ladder.file),
            hint="Restore the file.",
        ) from None
    records = records_of(journal, name, ladder.rules.model_cost, fresh)
    measured = measure(ladder, standing, records, claim)
    criteria = criteria_of(ladder, standing, records, measured)
    return OnLadder(
        name=name,
        ladder=ladder,
        standing=standing,
        records=records,
        measured=measured,
        criteria=criteria,
    )


def transition(
    found: OnLadder, event: Event, after: str, because: str, by: str, *, handled: bool = False
) -> Transition:
    """Return a transition with what it was decided by; `handled` says that it answers all causes
    that the journal has.
    """
    measured, standing = found.measured, found.standing
    known: set[str] = set()
    if handled:
        for session in found.records.sessions:
            known |= {
                *session.external,
                *due_halts(found.ladder, found.records, session),
            }
            if session.parity == "red":
                known.add(f"parity_red:{session.parity_id}")
    return Transition(
        event=event,
        strategy=found.name,
        version=standing.version,
        before=standing.rung,
        after=after,
        because=" ".join(because.split()),
        by=by,
        ladder=display(found.ladder.file),
        ladder_sha256=found.ladder.sha256,
        trades=len(found.records.live_trades),
        criteria=as_data(found.criteria),
        figures={
            "trades": len(measured.outcomes),
            "trades_on_rung": len(measured.on_rung),
            "edge": measured.evidence.mean,
            "log_evidence": measured.evidence.log_value,
            "drawdown": measured.decay.drawdown,
            "drawdown_limit": measured.decay.limit,
            "decay": measured.decay.doubt,
        },
        handled=sorted(known - standing.handled),
    )


def halt_cause(text: str) -> str:
    """Return the cause of a demotion that a halt, `source: reason`, is."""
    source = text.partition(":")[0]
    return HALTS.get(source, source)


def due_halts(ladder: Ladder, records: StrategyRecords, session: LadderSession) -> dict[str, str]:
    """Return the halts of a session that have lasted for as long as the ladder allows, by cause.

    How long is measured by the wall clock, in a replay by the newest fact.
    """
    now = int(wall_clock.now().timestamp() * 1e9) if session.by_the_clock else records.last
    found = {}
    for fact, text in session.halts.items():
        name = halt_cause(text)
        begun, ended = session.halted[fact]
        if (now if ended is None else ended) - begun >= ladder.rules.demote.delay(name):
            found[f"{name}:{fact}"] = text
    return found


def record(journal: Journal, found: OnLadder, made: Transition) -> Recorded:
    """Write a transition of a strategy to the journal."""
    now = wall_clock.now()
    ts = found.records.last or int(now.timestamp() * 1e9)
    return write(journal, made, now, ts)
