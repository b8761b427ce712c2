"""Series that are woven of contracts' bars: what they are made of comes last at its instant."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins.data.catalog.reader import Chunk, SplicedSeries
from qe_plugins.data.tape import Tape
from tests.data.dbn_tape import december_tape, opened

OLD, NEW, FRONT = (f"{name}.XCME-1-MINUTE-LAST-EXTERNAL" for name in ("ESZ13", "ESH14", "ES"))
TURN = 1_387_205_580_000_000_000  # 2013-12-16 14:53 UTC


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return opened(dbn=str(december_tape(tmp_path / "dbn")))


def woven(tape: Tape, *parts: tuple[int, str]) -> list[Chunk]:
    return list(tape.pieces([SplicedSeries(FRONT, parts)]))


def test_nothing_is_lost_and_nothing_is_there_twice(tape: Tape) -> None:
    plain = [str(one) for piece in tape.pieces() for one in piece.records]
    again = [str(one) for piece in woven(tape, (0, OLD), (TURN, NEW)) for one in piece.records]
    assert sorted(again) == sorted(plain)
    assert len(plain) == tape.records


def test_the_front_is_each_contract_in_its_time_under_a_name_of_its_own(tape: Tape) -> None:
    strands = [one for piece in woven(tape, (0, OLD), (TURN, NEW)) for one in piece.strands]
    bars = [(one.of, bar) for one in strands for bar in one.bars]
    assert {str(bar.bar_type) for _, bar in bars} == {FRONT}
    assert [bar.ts_event for _, bar in bars] == sorted(bar.ts_event for _, bar in bars)
    assert all((bar.ts_event >= TURN) == (of == NEW) for of, bar in bars)
    assert {of for of, _ in bars} == {OLD, NEW}


def test_the_bars_it_is_woven_of_come_last_at_their_instant(tape: Tape) -> None:
    shared = 0
    for piece in woven(tape, (0, NEW)):  # first by its id
        for record, following in zip(piece.records, piece.records[1:], strict=False):
            if record.ts_init == following.ts_init:
                shared += 1
                assert str(record.bar_type) != NEW
    assert shared > 0


def test_a_part_that_is_not_on_the_tape_has_no_bars(tape: Tape) -> None:
    strands = [one for piece in woven(tape, (0, OLD), (TURN, "X")) for one in piece.strands]
    assert {one.of for one in strands} == {OLD}
