"""Facts of a run that is nothing but trials: what was tried, counted by significance tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from qe_plugins.journal.facts import Fact, FactKind

SOURCE = "quant-engine"
HEAD = "run:1"


def trial_facts(
    ts: int,
    about: Mapping[str, Any],
    trials: Mapping[int, dict[str, Any]],
    times: Mapping[int, int] = MappingProxyType({}),
) -> list[Fact]:
    """Return the run, with `about` and the number of its trials, and the trials caused by it.

    `trials` has the body of each by its number. The time is `ts` (UTC ns), except of trials that
    have one in `times`.
    """
    body = {**about, "tried": len(trials)}
    head = Fact(id=HEAD, kind=FactKind.RUN, ts_event=ts, source=SOURCE, body=body)
    facts = (
        Fact(
            id=f"trial:{number}",
            kind=FactKind.TRIAL,
            ts_event=times.get(number, ts),
            source=SOURCE,
            cause=HEAD,
            body=trial,
        )
        for number, trial in trials.items()
    )
    return [head, *facts]
