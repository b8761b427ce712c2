"""A desk at night beside a real session, in one process: it looks at every moment of the session.

The bars are generated. The session has those of half an hour around three in Chicago, the
desk's fleet also those before it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins.config.loader import load as load_run
from qe_plugins.desk.actions import DeskActions
from qe_plugins.desk.day_journal import DeskDayJournal
from qe_plugins.desk.day_plan import plan_of
from qe_plugins.desk.eyes import DeskSenses
from qe_plugins.desk.hunting import HuntMarket
from qe_plugins.desk.loop import DeskLoop
from qe_plugins.desk.role_sessions import RoleSessions
from qe_plugins.desk.session_process import SessionProcess
from qe_plugins.engine.live import heartbeat, view
from qe_plugins.engine.live.session import SessionOptions, run_session
from qe_plugins.engine.live.view import SessionView
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.market.sessions import session_on
from tests.command import ROOT
from tests.fleet.conftest import document

NAME = "night"
DAY = date(2024, 1, 3)
SEED = 52
MORNING = datetime(2024, 1, 3, 13, tzinfo=UTC)
"""07:00 in Chicago."""


def generated(**cut: str) -> dict[str, Any]:
    synthetic = {"root": "MES", "sessions": 2, "contracts": 1, "seed": SEED, "start": "2024-01-02"}
    return {"synthetic": synthetic, **cut}


def session_file(folder: Path) -> Path:
    """Write the run of the session, and return its file."""
    config = {
        "extends": str(ROOT / "configs" / "base" / "cme.yaml"),
        "name": NAME,
        "data": generated(start="2024-01-03T08:56:00Z", end="2024-01-03T09:20:00Z"),
        "slippage": {"model": "none"},
        "risk": {"veto_timeout": "60s"},  # a busy machine is no veto
        "strategies": {"signal_follower": {}},
        "plugins": {
            "hunter_desk": {"recording": f"{NAME}-live", "longest": "10m"},
            "arbiter_vote": {},
            "dollar_risk": {},
            "guardian_limits": {"max_contracts": 1, "daily_loss": "150 USD", "stop_required": True},
            "analyst_trades": {},
        },
    }
    file = folder / "session.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return file


def fleet_file(folder: Path, session: Path, **changes: Any) -> Path:
    """Write the desk's fleet, and return its file."""
    desk = {
        "root": "MES",
        "session": {"config": str(session), "replay": "config"},
        "no_hunt_before_close": "10h",
        "limits": {"max_contracts": 1, "max_loss": "12 USD"},
    }
    fleet = document(name=NAME, data=generated(), schedule={"every": "15m"}, desk=desk, **changes)
    file = folder / "fleet.yaml"
    file.write_text(yaml.safe_dump(fleet, sort_keys=False), encoding="utf-8")
    return file


class Clock:
    """The market's clock, set by the session and at last to the morning."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def now(self) -> datetime | None:
        return self.at


class OneLook(StopRequest):
    """Ends a desk's loop as soon as nothing is due."""

    def wait(self, seconds: float) -> bool:
        self.requested = True
        return True


class Night:
    """A desk that has looked through one night: what its journal says."""

    def __init__(self, folder: Path, journal: Journal, **fleet: Any) -> None:
        self.session = session_file(folder)
        self.loaded = load(fleet_file(folder, self.session, **fleet))
        self.journal, self.clock, self.stop = journal, Clock(), OneLook()
        settings, open_day = self.loaded.fleet.desk, session_on("MES", DAY)
        assert settings is not None
        assert settings.session is not None
        assert open_day is not None
        self.seen = SessionProcess(settings.session, NAME, NAME)
        self.plan = plan_of(settings, self.loaded.fleet.schedule.every, open_day)
        market = HuntMarket(self.loaded, journal, replayed=True)
        roles = RoleSessions(
            self.loaded, market, journal, clock=self.clock.now, margin=timedelta(seconds=1)
        )
        actions = DeskActions(
            self.loaded,
            market,
            roles,
            session=lambda: self.seen.seen,
            day=lambda: DAY,
            stop=StopRequest(),
        )
        self.desk = DeskLoop(
            NAME,
            clock=self.clock,
            eyes=DeskSenses(self.loaded.fleet, journal, self.seen),
            actions=actions.by_kind,
            longest_answer=timedelta(hours=1),
            stop=self.stop,
        )
        self.day = DeskDayJournal.open(journal, NAME, DAY)
        self.run = ""

    def look(self, at: datetime) -> None:
        """Have the desk take every step that is due at a moment."""
        self.clock.at, self.stop.requested = at, False
        self.desk.run_day(self.day, self.plan)

    def pass_(self) -> None:
        """Run the session to its end with the desk beside it, then let it be morning."""

        def show(seen: SessionView) -> None:
            self.look(datetime.fromtimestamp(seen.ts / 1e9, UTC))

        finished = run_session(load_run(self.session), SessionOptions(speed=None), show=show)
        self.run = finished.result.run_id
        finished.close_run()
        self.look(MORNING)

    def facts(self, kind: FactKind) -> list[Fact]:
        """Return the facts of a kind of the session."""
        return self.journal.facts(self.run, [kind])


def night(folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, **fleet: Any) -> Night:
    """Return a night that has passed, with a heartbeat at every moment of its session."""
    monkeypatch.setattr(view, "EVERY", 0.0)
    monkeypatch.setattr(heartbeat, "EVERY", 0.0)
    found = Night(folder, journal, **fleet)
    found.pass_()
    return found
