"""Ten features in a backtest, in a session that is killed, and in one restarted on the lookback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.live.session import SessionOptions, run_session
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import FeatureError
from qe_plugins.features.checks.restart import RecordedFeatures, compare_recorded
from qe_plugins.features.feed import ListedContract
from qe_plugins.features.names import Wanted
from qe_plugins.features.tape import CheckTape, computed
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.research.parity.features import feature_parity
from qe_plugins.research.parity.recorded_session import find_session
from tests.command import ROOT
from tests.features.tapes import walk

TEN = ["1m.velocity.30", "1m.displacement.60", "1m.hurst.120", "1m.echo.30", "1m.kyle_lambda.60",
       "1m.place.60", "1m.permutation_entropy.60", "5m.velocity.10", "5m.wavelet_slope.10",
       "across.session_clock"]  # fmt: skip
CONFIG = """
extends: {base}
name: ten
data:
  synthetic: {{root: MES, start: 2024-01-02, sessions: 2, contracts: 1, seed: 7}}
strategies:
  signal_follower:
plugins:
  hunter_physics: {{features: [{ten}], trigger: abs(1m.drift.30) > 2.5}}
  arbiter_vote:
  dollar_risk:
"""
LOOKBACK = timedelta(hours=14)
"""More than 13 bars of an hour, the longest that the hunter's features need."""

CONTRACT = ListedContract("ESZ3.XCME", "ES", 1_387_549_800_000_000_000)

type Vote = tuple[int, Any, Any, Any]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ten") / "ten.yaml"
    base = ROOT / "configs/base/cme.yaml"
    file.write_text(CONFIG.format(base=base, ten=", ".join(TEN)), encoding="utf-8")
    return file


def votes(facts: Sequence[Fact]) -> Iterator[Vote]:
    """Yield when each vote was given, its side, its reason, and the features behind it."""
    for one in facts:
        if one.kind is FactKind.VOTE:
            yield one.ts_event, one.body["side"], one.body["reason"], one.body["features"]


def killed_after(config: Path, lines: int) -> None:
    """Run a session in a process of its own, and kill it after so many signals."""
    command = [sys.executable, "-m", "qe_plugins.cli", "paper", str(config), "--replay", "config",
               "--speed", "20000", "--engine", "stream"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    ) as session:  # fmt: skip
        assert session.stderr is not None
        for line in session.stderr:
            lines -= "  signal  " in line
            if lines <= 0:
                break
        session.send_signal(signal.SIGKILL)


@pytest.mark.long
def test_a_session_killed_and_restarted_on_the_lookback_has_the_signals_of_the_backtest(
    config: Path,
) -> None:
    backtest = list(votes(run(load(config)).facts))
    killed_after(config, 40)
    killed = find_session("last")
    assert killed.still_open
    before = list(votes(killed.facts))

    start = datetime.fromtimestamp(killed.last / 1e9, UTC) - LOOKBACK
    finished = run_session(
        load(config, [f"data.start={start:%Y-%m-%dT%H:%M:%S}"]),
        SessionOptions(speed=None),
        show=lambda _: None,
    )
    finished.close_run()
    restarted = find_session(finished.result.run_id)

    assert len(before) >= 10
    assert start > datetime(2024, 1, 2, tzinfo=UTC)
    assert set(TEN) <= set(before[-1][3])
    assert before == backtest[: len(before)]
    after = [one for one in votes(restarted.facts) if one[0] > killed.last]
    assert len(after) > 10
    assert after == backtest[-len(after) :]
    for session in (killed, restarted):
        found = feature_parity(session)
        assert found.differences == []
        assert found.moments > 0
    assert found.restarted > 0


def test_a_bit_that_differs_is_named() -> None:
    tape = CheckTape({CONTRACT.id: walk(900, seed=4)}, [CONTRACT])
    wanted = Wanted(["1m.temperature.30", "5m.velocity.10"])
    stamps, columns = computed(wanted, tape)[CONTRACT.id]
    read = {name: float(column[800]) for name, column in columns.items()}
    one = RecordedFeatures("hunter", CONTRACT.id, int(stamps[800]), read)
    same = compare_recorded([one], wanted, tape)

    wrong = read | {"1m.temperature.30": read["1m.temperature.30"] * (1 + 2**-52)}
    found = compare_recorded([msgspec.structs.replace(one, values=wrong)], wanted, tape)

    assert (same.restarted, same.differences) == (1, [])
    assert [(d.feature, d.way) for d in found.differences] == [
        ("1m.temperature.30", "batch"),
        ("1m.temperature.30", "restart"),
    ]


def test_a_session_without_features_is_one_line(config: Path) -> None:
    quiet = ["plugins.hunter_physics.trigger=abs(1m.drift.30) > 1000", "data.synthetic.sessions=1"]
    finished = run_session(load(config, quiet), SessionOptions(speed=None), show=lambda _: None)
    finished.close_run()

    with pytest.raises(FeatureError, match="no vote was recorded with features"):
        feature_parity(find_session("last"))
