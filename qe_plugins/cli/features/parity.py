"""`qe features parity`: the features that a session recorded, computed from its bars again."""

from __future__ import annotations

import sys

import click

from qe_plugins.cli.output import counted, echo, json_option, print_json


@click.command()
@click.argument("run", default="last")
@json_option
def parity(run: str, as_json: bool) -> None:
    """Compare the features of a session's votes with those computed from its bars, bit for bit.

    RUN is "last", a session's id or a prefix of it. They are computed in one batch, and at up to 50
    votes from their lookback's bars alone, as a session that was restarted computes them. The exit
    code is 1 where a bit differs.
    """
    from qe_plugins.features.series import moment
    from qe_plugins.research.parity.features import feature_parity
    from qe_plugins.research.parity.recorded_session import find_session

    session = find_session(run)
    found = feature_parity(session)
    if as_json:
        print_json({"session": session.run_id, "parity": found})
    else:
        for one in found.differences:
            echo(
                f"{one.feature} of {one.contract} at {moment(one.ts)}, {one.way}: recorded"
                f" {_number(one.recorded)}, was {_number(one.found)}"
            )
        verdict = "the same bits"
        if found.differences:
            verdict = counted(len(found.differences), "difference")
        echo(
            f"{counted(found.values, 'value')} at {counted(found.moments, 'vote')} of"
            f" {session.run_id}, computed from {counted(found.bars, 'bar')} and at"
            f" {counted(found.restarted, 'vote')} from the lookback alone: {verdict}"
        )
    if found.differences:
        sys.exit(1)


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)
