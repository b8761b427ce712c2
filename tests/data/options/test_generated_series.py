"""Quotes generated on a run's bars."""

from __future__ import annotations

import os

from qe_plugins.config.loader import load
from qe_plugins.data.tape import Tape, open_tape
from tests.command import ROOT


def test_quotes_are_generated_again_where_the_bars_have_changed():
    first = generated()
    bars = next(one for one in first.series if one.contract not in options_of(first))
    again = quote_files(generated())
    os.utime(bars.files[0], ns=(1, 1))

    assert again == quote_files(first)
    assert quote_files(generated()).isdisjoint(again)


def generated() -> Tape:
    file = ROOT / "configs/backtest/option_legs.yaml"
    loaded = load(file, ("data.synthetic.sessions=1",))
    return open_tape(loaded.config.data, lambda key: key)


def options_of(tape: Tape) -> set[str]:
    return {one.id for one in tape.options}


def quote_files(tape: Tape) -> set[str]:
    return {
        str(file) for one in tape.series if one.contract in options_of(tape) for file in one.files
    }
