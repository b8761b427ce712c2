"""Series spliced from contracts' bars: the source bars come last at their instant."""

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


def spliced(tape: Tape, *parts: tuple[int, str]) -> list[Chunk]:
    return list(tape.chunks([SplicedSeries(FRONT, parts)]))


def test_nothing_is_lost_and_nothing_is_there_twice(tape: Tape) -> None:
    plain = [str(one) for chunk in tape.chunks() for one in chunk.records]
    again = [str(one) for chunk in spliced(tape, (0, OLD), (TURN, NEW)) for one in chunk.records]
    assert sorted(again) == sorted(plain)
    assert len(plain) == tape.records


def test_the_front_is_each_contract_in_its_time_under_a_name_of_its_own(tape: Tape) -> None:
    spliced_bars = [
        one for chunk in spliced(tape, (0, OLD), (TURN, NEW)) for one in chunk.spliced_bars
    ]
    bars = [(one.of, bar) for one in spliced_bars for bar in one.bars]
    assert {str(bar.bar_type) for _, bar in bars} == {FRONT}
    assert [bar.ts_event for _, bar in bars] == sorted(bar.ts_event for _, bar in bars)
    assert all((bar.ts_event >= TURN) == (of == NEW) for of, bar in bars)
    assert {of for of, _ in bars} == {OLD, NEW}


def test_the_bars_it_is_spliced_from_come_last_at_their_instant(tape: Tape) -> None:
    shared = 0
    for chunk in spliced(tape, (0, NEW)):  # first by its id
        for record, following in zip(chunk.records, chunk.records[1:], strict=False):
            if record.ts_init == following.ts_init:
                shared += 1
                assert str(record.bar_type) != NEW
    assert shared > 0


def test_a_part_that_is_not_on_the_tape_has_no_bars(tape: Tape) -> None:
    spliced_bars = [
        one for chunk in spliced(tape, (0, OLD), (TURN, "X")) for one in chunk.spliced_bars
    ]
    assert {one.of for one in spliced_bars} == {OLD}
