"""Demotions and pauses, which the ladder executes by itself, and the demotion by a person.

None of them asks for anything: a journal that does not verify stops a promotion, never these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from qe_plugins.errors import LadderError
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.on_ladder import OnLadder, due_halts, halt_cause, read, record, transition
from qe_plugins.ladder.outcomes import NO_FACTS, FreshFacts, LadderSession
from qe_plugins.ladder.rungs import Ladder
from qe_plugins.ladder.state import ITSELF, Event, Recorded
from qe_plugins.ladder.versions import SHOWN

CHANGED = "code_or_config_changed"
DECAY = "decay"
OF_NOW = frozenset({DECAY, CHANGED})
"""Causes that are no facts: the restart of the evidence, or the new version, ends them."""


def demote(journal: Journal, ladder: Ladder, name: str, because: str, by: str) -> Recorded:
    """Demote a strategy by one rung. Raises LadderError on the lowest one, JournalError."""
    found = read(journal, ladder, name)
    if found.place == 0:
        raise LadderError(f"{name} is on the lowest rung.", where=name)
    return _demote(journal, found, because, by, found.standing.version)


def settle(
    journal: Journal,
    ladder: Ladder,
    name: str,
    *,
    version: str | None = None,
    fresh: FreshFacts = NO_FACTS,
) -> tuple[OnLadder, list[Recorded]]:
    """Execute what the journal calls for: demotions and pauses.

    Return the strategy after that, and what was executed. `version` is that of the session about
    to begin, where one is; `fresh` are facts of sessions, by run, that the journal may not have
    yet.
    """
    done: list[Recorded] = []
    found = read(journal, ladder, name, fresh=fresh)
    external = _new(found, (each.external for each in _own(found)))
    if external and found.place > 0 and not found.standing.paused:
        text = "; ".join(external.values())
        made = transition(
            found, Event.PAUSED, found.rung.name, f"fills of unknown cause: {text}", ITSELF
        )
        made = msgspec.structs.replace(made, handled=sorted(external))
        done.append(record(journal, found, made))
        found = read(journal, ladder, name, fresh=fresh)
    causes = causes_of(found, version)
    if causes and found.place > 0:
        text = "; ".join(causes.values())
        after = version if version and CHANGED in causes else None
        new = after or found.standing.version
        done.append(_demote(journal, found, text, ITSELF, new, sorted(causes)))
        found = read(journal, ladder, name, fresh=fresh)
    return found, done


def causes_of(found: OnLadder, version: str | None = None) -> dict[str, str]:
    """Return why a strategy must be demoted now, by the key of each cause; empty where it need not.

    A cause that an earlier transition answered is left out.
    """
    rules, standing = found.ladder.rules.demote, found.standing
    causes: dict[str, str] = {}
    changed = version is not None and version not in standing.versions
    if changed and version and standing.versions and rules.is_at_once(CHANGED):
        was = standing.version[:SHOWN]
        causes[CHANGED] = f"{CHANGED}: {was} is now {version[:SHOWN]}"
    for session in _own(found):
        if session.parity == "red" and rules.is_at_once("parity_red"):
            key = f"parity_red:{session.parity_id}"
            causes[key] = f"parity_red: session {session.run_id}"
        due = due_halts(found.ladder, found.records, session)
        causes |= {key: text for key, text in due.items() if rules.is_at_once(halt_cause(text))}
    causes = {key: text for key, text in causes.items() if key not in standing.handled}
    if found.measured.on_rung and (decayed := found.measured.decay.cause):
        causes[DECAY] = decayed
    return causes


def _own(found: OnLadder) -> list[LadderSession]:
    """Return the sessions of the versions on the rung; others say nothing about it."""
    versions = found.standing.versions
    return [one for one in found.records.sessions if one.version in versions]


def _new(found: OnLadder, facts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    every = {key: text for each in facts for key, text in each.items()}
    return {key: text for key, text in every.items() if key not in found.standing.handled}


def _demote(
    journal: Journal,
    found: OnLadder,
    because: str,
    by: str,
    version: str,
    causes: list[str] | None = None,
) -> Recorded:
    after = found.ladder.rules.rungs[found.place - 1].name
    made = transition(found, Event.DEMOTED, after, because, by, handled=True)
    handled = sorted({*made.handled, *(causes or [])} - OF_NOW)
    made = msgspec.structs.replace(made, version=version, handled=handled)
    return record(journal, found, made)
