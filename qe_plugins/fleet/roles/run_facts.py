"""What sessions of roles read of a run: its own facts, and what the fleet's roles found meanwhile.

Sessions of roles are runs of their own. A HUNTER's are left out: what became of its proposals is in
the run that they were delivered to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qe_plugins.journal.facts import Fact, FactKind, RunFact
from qe_plugins.journal.store import Journal

MOST = 10_000

OF_ROLES = (FactKind.LESSON, FactKind.VERDICT, FactKind.PROPOSAL, FactKind.FAILURE)
"""What the sessions of roles add to the facts of a run."""


def facts_at(
    journal: Journal,
    fleet: str,
    run: str | None,
    kinds: Sequence[FactKind],
    until: int,
    limit: int,
    *,
    span: int | None = None,
) -> list[Fact]:
    """Return at most `limit` facts of some kinds up to a moment (UTC ns), newest first.

    They are those of a `span` of nanoseconds, by default since the run began. Of lessons that rest
    on the same variant the newest is returned. Without a `run` only what roles found.
    """
    since, found = None if span is None else until - span, list[RunFact]()
    if run is not None:
        if since is None:
            since = next((one.fact.ts_event for one in journal.page(run=run, limit=1)), None)
        found = journal.page(
            kinds=kinds,
            run=run,
            since_ns=since,
            until_ns=until + 1,
            limit=limit,
            newest_first=True,
        )
    if wanted := [one for one in kinds if one in OF_ROLES]:
        own = re.compile(rf"(guardian|analyst|arbiter)-{re.escape(fleet)}-\d{{8}}T\d{{6}}Z(-.*)?")
        others = journal.page(
            kinds=wanted, since_ns=since, until_ns=until + 1, limit=MOST, newest_first=True
        )
        found += [one for one in others if own.fullmatch(one.run_id)]
    newest: dict[object, Fact] = {}
    for fact in sorted((one.fact for one in found), key=lambda one: -one.ts_event):
        is_lesson = fact.kind is FactKind.LESSON and "basis" in fact.body
        newest.setdefault(fact.body["basis"]["variant"] if is_lesson else id(fact), fact)
    return list(newest.values())[:limit]
