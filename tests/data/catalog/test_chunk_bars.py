"""The bars of a chunk as columns equal its records."""

from __future__ import annotations

from pathlib import Path

import pytest
from nautilus_trader.model import Bar

from qe_plugins.data.tape import Tape
from tests.data.dbn_tape import december_tape, opened

NUMBERS = ("open", "high", "low", "close", "volume")


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    """Return a tape of two contracts, minute by minute."""
    return opened(dbn=str(december_tape(tmp_path / "dbn")))


def test_columns_are_the_records_of_a_chunk(tape: Tape) -> None:
    for chunk in tape.chunks():
        for bar_type in chunk.columns.bar_types:
            bars = chunk.columns.of(bar_type)
            told = [r for r in chunk.records if isinstance(r, Bar) and str(r.bar_type) == bar_type]
            assert bars.ts_event.tolist() == [bar.ts_event for bar in told]
            assert bars.ts_init.tolist() == [bar.ts_init for bar in told]
            for name in NUMBERS:
                assert getattr(bars, name).tolist() == [
                    getattr(bar, name).as_double() for bar in told
                ]


def test_a_contract_has_its_bars_alone(tape: Tape) -> None:
    [chunk, *_] = tape.chunks()
    contract = str(tape.contracts[0].id)
    assert {bars.instrument_id for bars in chunk.columns.of_contract(contract)} == {contract}
    assert chunk.columns.of_contract("ESZ99.XCME") == []


def test_bars_that_a_chunk_lacks_are_an_error(tape: Tape) -> None:
    [chunk, *_] = tape.chunks()
    with pytest.raises(KeyError):
        chunk.columns.of("ESZ99.XCME-1-MINUTE-LAST-EXTERNAL")


def test_a_slice_has_some_of_every_column(tape: Tape) -> None:
    [chunk, *_] = tape.chunks()
    bars = chunk.columns.of(chunk.columns.bar_types[0])
    assert len(bars[-3:]) == 3
    assert bars[-3:].close.tolist() == bars.close.tolist()[-3:]
