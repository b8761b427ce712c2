"""A live session on its ladder: a demotion binds it while it runs, and while it is dead."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins import wall_clock
from qe_plugins.config.loader import load
from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.demotions import demote
from qe_plugins.ladder.rungs import BACKTEST, load_ladder
from qe_plugins.ladder.state import Event, Transition, write
from qe_plugins.ladder.versions import version_of
from qe_plugins.testing.tws import SimulatedTws
from tests.command import ROOT
from tests.engine.broker.live_process import AheadClock, LiveProcess, types, write_config

NAME = "driven"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
]


class OnFiveMes:
    """A strategy that a person has confirmed for 5 MES, and its session's files."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ladder = load_ladder(ROOT / "configs/ladder/mes_to_es.yaml")
        self.file = write_config(folder, port, ladder={"file": str(self.ladder.file)})
        self.home = folder / "home"
        self.home.mkdir()
        confirmed = Transition(
            event=Event.CONFIRMED,
            strategy=NAME,
            version=version_of(load(self.file)),
            before=BACKTEST,
            after="5 MES",
            because="a test",
            by="ann",
            ladder=str(self.ladder.file),
            ladder_sha256=self.ladder.sha256,
            claim={"edge": 0.2},
        )
        with self.journal() as journal:
            write(journal, confirmed, wall_clock.now(), 0)

    def journal(self) -> Journal:
        return Journal.open(f"sqlite:///{self.home / 'journal.sqlite'}")

    def demote(self) -> None:
        with self.journal() as journal:
            demote(journal, self.ladder, NAME, "a holiday", "ann")


def hold_two_and_rest_one(live: LiveProcess, tws: SimulatedTws) -> None:
    """Buy two contracts with a bracket, and leave an entry for a third resting."""
    live.wait("ready")
    live.do("enter", contracts=2)
    live.wait("accepted", type="LIMIT")
    tws.wait_until(lambda now: now.net() == 2)
    live.do("rest", contracts=1)
    tws.wait_until(lambda now: len(now.open_orders()) >= 3)


def test_a_demotion_cancels_entries_leaves_the_bracket_and_binds_the_next_entry(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
) -> None:
    strategy = OnFiveMes(tmp_path, tws.port)
    with LiveProcess(strategy.file, clock) as live:
        hold_two_and_rest_one(live, tws)
        strategy.demote()
        live.wait("canceled", type="LIMIT")
        tws.wait_until(lambda now: types(now.open_orders()) == ["LMT", "STP"])
        assert tws.control.net() == 2
        tws.control.move(6494.75)
        tws.wait_until(lambda now: now.net() == 0 and not now.open_orders())
        live.do("enter", contracts=2)
        denied = live.wait("denied", type="MARKET")
        assert "1 MES" in denied["reason"]
        live.do("enter", contracts=1)
        tws.wait_until(lambda now: now.net() == 1)
        live.stop()
        begun, changed = live.facts(FactKind.RUNG)
    assert (begun.body["after"]["name"], changed.body["after"]["name"]) == ("5 MES", "1 MES")
    assert changed.body["reason"] == "a holiday"
    assert len(changed.body["cancelled"]) >= 1, "the resting entry"


def test_a_session_that_died_is_taken_up_on_the_rung_that_it_was_demoted_to(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path
) -> None:
    strategy = OnFiveMes(tmp_path, tws.port)
    with LiveProcess(strategy.file, clock) as live:
        hold_two_and_rest_one(live, tws)
        live.kill()
    strategy.demote()
    with LiveProcess(strategy.file, clock) as live:
        live.wait("ready", net=2)
        tws.wait_until(lambda now: types(now.open_orders()) == ["LMT", "STP"])
        rungs = live.facts(FactKind.RUNG)
        [run] = live.facts(FactKind.RUN)
        live.stop()
    assert [one.body["after"]["name"] for one in rungs] == ["5 MES", "1 MES"]
    assert run.body["config"]["rung"]["name"] == "5 MES"
