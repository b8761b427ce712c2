"""`qe features`: what it prints, and one line for what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import polars as pl
import pytest
from click.testing import CliRunner, Result

from qe_plugins.cli import cli
from qe_plugins.errors import QeError

CONFIG = """
name: small
data:
  synthetic: {root: MES, sessions: 3, contracts: 1, start: 2024-01-02}
strategies: {}
"""


def qe(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["features", *arguments], catch_exceptions=True)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(CONFIG)
    return str(file)


def test_the_list_prints_the_equation():
    assert "40 families x 8 windows x 4 timeframes + 11 across timeframes = 1,291" in (
        qe("list").output
    )


def test_the_list_as_json_has_every_feature():
    entries = json.loads(qe("list", "--json").output)

    assert len(entries) == 1_291
    assert entries[0]["name"] == "1m.velocity.5"
    assert set(entries[0]) >= {"meaning", "unit", "low", "high", "lookback", "source"}


def test_the_dimensions_that_features_span_are_printed(config: str):
    [one] = json.loads(qe("list", "--rank", "--data", config, "--json").output)

    assert (one["timeframe"], one["features"], one["rows"]) == ("1m", 320, 2_923)
    assert 10 < one["participation"] < 60
    assert "span" in qe("list", "--rank", "--data", config).output


def test_a_feature_is_explained():
    assert "lookback   76" in qe("show", "1m.hurst.60").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "1m.hrst.60"), "Did you mean '1m.hurst.60'?"),
        (("check", "1m.velocity.31"), "there is no feature '1m.velocity.31'"),
        (("check", "7m.*"), "no feature matches '7m.*'"),
        (("check",), "no feature was named"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: tuple[str, ...], says: str):
    error = qe(*arguments).exception

    assert isinstance(error, QeError)
    assert error.exit_code == 2
    assert says in str(error)
    assert "\n" not in str(error)


def test_features_are_checked_on_a_configurations_data(config: str):
    result = qe("check", "1m.velocity.5", "1h.place.5", "--data", config, "--streamed", "5")

    assert result.exit_code == 0, result.output
    assert result.output.endswith("bars: all is well\n")


def test_features_are_computed_and_used_again(config: str, tmp_path: Path):
    arguments = ("compute", config, "--columns", "5m.velocity.*", "--out", str(tmp_path / "out"))
    first, second = qe(*arguments), qe(*arguments)

    assert "1 files computed, 0 used again" in first.output
    assert "0 files computed, 1 used again" in second.output
    assert (tmp_path / "out" / "MES" / "5m" / "2024-01.parquet").exists()


def test_a_feature_is_drawn_below_its_price(config: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "drift.png"
    done = qe("show", "1m.drift.30", "--plot", "--data", config, "--out", str(file), "--json")

    assert json.loads(done.output)["plot"] == str(file)
    drawn = file.read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) > 20_000


def test_a_feature_that_is_null_everywhere_is_not_drawn(config: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "drift.png"
    done = qe("show", "1d.drift.30", "--plot", "--data", config, "--out", str(file))

    assert isinstance(done.exception, QeError)
    assert "1d.drift.30 is null at every bar" in str(done.exception)
    assert not file.exists()


def test_a_drawing_without_matplotlib_says_how_to_get_it(
    config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    done = qe("show", "1m.drift.30", "--plot", "--data", config)

    assert isinstance(done.exception, QeError)
    assert "pip install 'quant-engine[plot]'" in str(done.exception.hint)


FEW = ("--columns", "1m.velocity.*", "--columns", "5m.hurst.*", "--columns", "across.carry")


@pytest.mark.parametrize(
    "files",
    [pytest.param(0, marks=pytest.mark.long), 2, pytest.param(4, marks=pytest.mark.long)],
)
def test_a_computation_that_was_killed_leaves_whole_files_and_is_continued(
    tmp_path: Path, files: int
) -> None:
    config, out = tmp_path / "year.yaml", tmp_path / "store"
    config.write_text(CONFIG.replace("sessions: 3", "sessions: 45"))
    command = [sys.executable, "-m", "qe_plugins.cli", "features", "compute", str(config), *FEW]
    with subprocess.Popen([*command, "--out", str(out)], env=os.environ) as computing:
        while not out.exists() or len(list(out.rglob("2*.parquet"))) < files:
            assert computing.poll() is None
            sleep(0.001)
        computing.send_signal(signal.SIGKILL)

    there = sorted(out.rglob("2*.parquet"))
    assert all(pl.read_parquet(file).height > 0 for file in there)
    known = json.loads((out / "manifest.json").read_bytes())["files"] if files > 1 else {}
    again = qe("compute", str(config), *FEW, "--out", str(out))
    undisturbed = qe("compute", str(config), *FEW, "--out", str(tmp_path / "other"))

    assert again.exit_code == undisturbed.exit_code == 0
    assert len(known) >= files - 1
    assert f"{len(known)} used again" in again.output or files == 0
    stored = {file.relative_to(out): file.read_bytes() for file in out.rglob("2*.parquet")}
    other = tmp_path / "other"
    assert stored == {f.relative_to(other): f.read_bytes() for f in other.rglob("2*.parquet")}
    assert len(stored) > 4
