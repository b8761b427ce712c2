"""Text that `qe data` prints beside its tables never contains terminal escapes."""

from __future__ import annotations

from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.data.rolls.continuous import ContinuousSeries
from tests.data.dbn_tape import december_tape

WILD = "\x1b[2J\u202e\nevil"
SHOWN = "\\x1b[2J\\u202e\\nevil"


def said(*words):
    result = CliRunner().invoke(cli, ["data", *words])
    assert result.exception is None, result.exception
    return result.output


def test_the_folder_of_a_generated_tape_is_shown_escaped(tmp_path):
    text = said("synth", "--years", "1", "--roots", "MES", "--out", str(tmp_path / WILD))
    assert SHOWN in text
    assert "\x1b" not in text


def test_a_series_label_and_its_file_are_shown_escaped(tmp_path, monkeypatch):
    december_tape(tmp_path / "data")
    monkeypatch.setattr(ContinuousSeries, "label", property(lambda _: WILD))
    words = ("continuous", "ES", "--dbn", str(tmp_path / "data"), "--out")
    text = said(*words, str(tmp_path / f"{WILD}.parquet"))
    assert text.count(SHOWN) == 2
    assert "\x1b" not in text


def test_the_place_of_a_roll_calendar_is_shown_escaped(tmp_path, monkeypatch):
    monkeypatch.setenv("QE_HOME", str(tmp_path / WILD))
    december_tape(tmp_path / "data")
    text = said("rolls", "ES", "--dbn", str(tmp_path / "data"))
    assert SHOWN in text
    assert "\x1b" not in text
