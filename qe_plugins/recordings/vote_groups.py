"""Effective votes and calibration of groups of votes: of all, of each model, of each prompt."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from qe_plugins.recordings.calibration import Calibration, calibration
from qe_plugins.recordings.effective_votes import EffectiveVotes, effective_votes


class JudgedVote(msgspec.Struct, frozen=True, kw_only=True):
    """A vote whose outcome is known: the probability of a rise it `said`, and whether it `rose`.

    `decision` is the number of its decision, `prompt` the kind of its task, which sets the prompt.
    """

    decision: int
    node: str
    model: str
    prompt: str
    said: float
    up: bool
    rose: bool


class VoteGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of some votes. `effective` is None where fewer than two workers have votes."""

    name: str
    votes: int
    effective: EffectiveVotes | None
    calibration: Calibration


def measured_group(name: str, votes: Sequence[JudgedVote], assumed: float) -> VoteGroup:
    """Return the measures of votes. Raises ValueError for none.

    `assumed` is the correlation of errors that holds until enough outcomes are known.
    """
    nodes = sorted({one.node for one in votes})
    decisions = sorted({one.decision for one in votes})
    columns = {node: place for place, node in enumerate(nodes)}
    rows = {decision: place for place, decision in enumerate(decisions)}
    errors = np.full((len(decisions), len(nodes)), np.nan)
    for one in votes:
        errors[rows[one.decision], columns[one.node]] = float(one.up != one.rose)
    return VoteGroup(
        name=name,
        votes=len(votes),
        effective=effective_votes(errors, assumed) if len(nodes) > 1 else None,
        calibration=calibration(
            np.array([one.said for one in votes]),
            np.array([float(one.rose) for one in votes]),
            np.array([one.decision for one in votes]),
        ),
    )


def groups_by(field: str, votes: Sequence[JudgedVote], assumed: float) -> tuple[VoteGroup, ...]:
    """Return the measures of the votes of each value of a field, `model` or `prompt`."""
    names = sorted({str(getattr(one, field)) for one in votes})
    return tuple(
        measured_group(name, [one for one in votes if getattr(one, field) == name], assumed)
        for name in names
    )
