"""What changes a strategy's rung: a proposal and its confirmation, a demotion, a carried version.

A promotion is refused wherever something is in doubt; a demotion never is.
"""

from __future__ import annotations

import getpass
from decimal import Decimal
from pathlib import Path

import msgspec

from qe_plugins import wall_clock
from qe_plugins.config.loader import Loaded
from qe_plugins.errors import LadderError
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.lookup import resolve_run
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.criteria import account_needed, missing
from qe_plugins.ladder.demotions import settle
from qe_plugins.ladder.on_ladder import OnLadder, claim_in, configured, read, record, transition
from qe_plugins.ladder.outcomes import PARITY
from qe_plugins.ladder.rungs import BACKTEST, LadderRung
from qe_plugins.ladder.state import Event, Recorded, histories
from qe_plugins.ladder.versions import SHOWN, version_of


def person() -> str:
    """Return the login name of the person who runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "person"


def propose(journal: Journal, file: Path | str) -> Recorded:
    """Propose the promotion of a configuration's strategy, or its return from a pause.

    Raises LadderError where a criterion is not met or something is in doubt.
    """
    loaded, ladder, name = configured(file)
    settle(journal, ladder, name)
    found = read(journal, ladder, name, claim_in(journal, loaded, ladder))
    standing, version = found.standing, version_of(loaded)
    _refuse_doubt(journal, found)
    if standing.rung != BACKTEST and version != standing.version:
        raise LadderError(
            f"{name} is another version, {version[:SHOWN]}, than on its rung, "
            f"{standing.version[:SHOWN]}.",
            hint="A session demotes it; or `qe ladder carry` where parity proves no trade differs.",
        )
    after = found.rung if standing.paused else found.above
    if after is None:
        raise LadderError(f"{name} is on the highest rung.", where=name)
    lacking = [] if standing.paused else missing(found.criteria)
    if lacking:
        raise LadderError(
            f"not proposed: {'; '.join(lacking)}.",
            where=name,
            hint="`qe ladder criteria` lists all.",
        )
    what = "returns to" if standing.paused else "meets every criterion for"
    made = transition(found, Event.PROPOSED, after.name, f"{name} {what} {after.name}", person())
    claim = msgspec.to_builtins(found.measured.claim)
    config = str(Path(file))
    made = msgspec.structs.replace(made, version=version, config=config, claim=claim)
    return record(journal, found, made)


def confirm(journal: Journal, proposal: str, *, equity: Decimal | None = None) -> Recorded:
    """Confirm a proposal: its strategy is on the rung from its next session on.

    `equity` is the account's in USD, by default the starting balance of the configuration. Raises
    LadderError where the proposal is unknown or of another version, where a criterion has lapsed
    since, and where the account is too small.
    """
    made = _proposed(journal, proposal)
    name = made.transition.strategy
    loaded, ladder, _ = configured(made.transition.config)
    settle(journal, ladder, name)
    found = read(journal, ladder, name, claim_in(journal, loaded, ladder))
    pending = found.standing.pending
    if pending is None or pending.id != made.id:
        raise LadderError(
            "is no longer open: the strategy's rung has changed since.",
            where=f"proposal {made.id}",
            hint="`qe ladder propose` makes a new one.",
        )
    _refuse_doubt(journal, found)
    version = version_of(loaded)
    if version != made.transition.version:
        raise LadderError(
            f"was made for version {made.transition.version[:SHOWN]}, {made.transition.config} "
            f"is {version[:SHOWN]} now.",
            where=f"proposal {made.id}",
            hint="`qe ladder propose` makes a new one.",
        )
    if made.transition.ladder_sha256 != ladder.sha256:
        raise LadderError(
            "the ladder's file has changed since.",
            where=f"proposal {made.id}",
            hint="`qe ladder propose` makes a new one.",
        )
    if not found.standing.paused and (lacking := missing(found.criteria)):
        raise LadderError(
            f"a criterion has lapsed since: {'; '.join(lacking)}.", where=f"proposal {made.id}"
        )
    place = ladder.rules.index(made.transition.after)
    rung = ladder.rules.rungs[place]
    for each in (ladder.rules.futures_rung(place), rung):
        _check_account(loaded, each, equity)
    confirmed = transition(
        found, Event.CONFIRMED, rung.name, made.transition.because, person(), handled=True
    )
    confirmed = msgspec.structs.replace(
        confirmed, version=version, config=made.transition.config, proposal=made.id
    )
    return record(journal, found, confirmed)


def carry(journal: Journal, file: Path | str, because: str) -> Recorded:
    """Carry the evidence of a strategy to a new version of it, which a person answers for.

    Raises LadderError where the version is the same, and where the last parity check is not clean:
    run `qe parity RUN --against FILE` first.
    """
    loaded, ladder, name = configured(file)
    found = read(journal, ladder, name)
    version = version_of(loaded)
    if found.standing.rung == BACKTEST or not found.standing.version:
        raise LadderError(f"{name} is on no rung, so there is no evidence to carry.", where=name)
    if version in found.standing.versions:
        raise LadderError(f"{name} is of version {version[:SHOWN]} already.", where=name)
    _refuse_doubt(journal, found)
    proof = _identical(journal, found, version)
    made = transition(found, Event.CARRIED, found.rung.name, because, person())
    made = msgspec.structs.replace(made, version=version, config=str(Path(file)), proposal=proof)
    return record(journal, found, made)


def _refuse_doubt(journal: Journal, found: OnLadder) -> None:
    """Raise LadderError where nothing may be promoted: journal, clock, or the ladder's file."""
    if problems := journal.verify():
        raise LadderError(
            f"the journal does not verify: {problems[0]}.",
            where=found.name,
            hint="Nothing is promoted on it; a demotion is. `qe journal verify` lists all.",
        )
    last = found.standing.last
    if last is not None and wall_clock.now() < last.at:
        raise LadderError(
            f"the clock is before the last change of its rung, {last.at:%Y-%m-%d %H:%M:%S} UTC.",
            where=found.name,
            hint="Set the clock: nothing is promoted until then.",
        )
    standing = found.standing
    if standing.rung != BACKTEST and standing.ladder_sha256 != found.ladder.sha256:
        raise LadderError(
            f"{found.ladder.file.name} has changed since {found.name} came on {standing.rung}.",
            where=found.name,
            hint="Restore the file, or demote the strategy and propose it again.",
        )


def _check_account(loaded: Loaded, rung: LadderRung, equity: Decimal | None) -> None:
    if equity is None:
        balances = loaded.config.nautilus.venue.starting_balances
        equity = Decimal(str(balances[0]).split(" ")[0].replace("_", "")) if balances else None
    least, why = account_needed(rung, wall_clock.now().date())
    if equity is None or equity < least:
        has = "is not known" if equity is None else f"has {equity:,.0f} USD"
        raise LadderError(
            f"{why}, the account {has}.",
            where=f"rung {rung.name}",
            hint="`--equity` gives the account's figure.",
        )


def _proposed(journal: Journal, text: str) -> Recorded:
    """Return the proposal that `text` names, as `journal.lookup.resolve_run` reads it.

    Its name is that of its strategy. Raises LadderError without one.
    """
    every = {
        one.id: one
        for history in histories(journal).values()
        for one in history
        if one.transition.event is Event.PROPOSED
    }
    start = "`qe ladder propose FILE` makes one; `status` lists it."
    found = resolve_run(
        text,
        sorted(every),
        lambda: {one: every[one].transition.strategy for one in sorted(every, reverse=True)},
        what="proposal",
        hint=start,
        start=start,
        error=LadderError,
    )
    return every[found]


def _identical(journal: Journal, found: OnLadder, version: str) -> str:
    """Return the parity check that proves a version trade-identical. Raises LadderError."""
    sessions = {one.run_id for one in found.records.sessions}
    for run_id, first in reversed(journal.first_facts().items()):
        if first.body.get("mode") == PARITY and first.body.get("ladder_version") == version:
            facts = journal.facts(run_id, [FactKind.PARITY])
            if facts and facts[0].body["clean"] and facts[0].body["session"] in sessions:
                return run_id
    raise LadderError(
        f"no clean parity check of version {version[:SHOWN]} against a session of it.",
        where=found.name,
        hint="Run `qe parity RUN --against FILE` first.",
    )
