"""A strategy is put on a root from the command line as it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.settings.entries import entries
from qe_plugins.errors import ConfigError

RUN = """
name: desk
data: {synthetic: }
strategies: {ema_cross: {instrument_id: ESZ13.XCME, fast: 10}}
"""
ROOT = "strategies.ema_cross.instrument=ES"
TAKEN = "strategies.ema_cross.instrument_id=null"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run.yaml").write_text(RUN)
    return tmp_path / "run.yaml"


@pytest.mark.parametrize("sets", [(TAKEN, ROOT), (ROOT, TAKEN)])
def test_a_contract_taken_away_and_a_root_put_in_its_place(run: Path, sets: tuple) -> None:
    [entry] = entries(load(run, sets), "strategies")
    assert entry.roll_settings is not None
    assert (entry.roll_settings.instrument, entry.roll_settings.roll) == ("ES", "volume")
    assert entry.settings == {"instrument_id": "ES.XCME", "fast": 10}


def test_a_contract_and_a_root_are_one_too_many(run: Path) -> None:
    with pytest.raises(ConfigError, match="it can do one of them") as caught:
        entries(load(run, [ROOT]), "strategies")
    assert TAKEN in str(caught.value)


def test_a_setting_of_that_name_that_is_no_root_is_the_strategys_own(run: Path) -> None:
    loaded = load(run, ["strategies.ema_cross.instrument=ESZ13.XCME"])
    [entry] = entries(loaded, "strategies")
    assert entry.roll_settings is None
    assert entry.settings["instrument"] == "ESZ13.XCME"
