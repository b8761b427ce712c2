"""A strategy on its ladder, whose live sessions a test writes to the journal as it likes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from qe_plugins import wall_clock
from qe_plugins.config.loader import load
from qe_plugins.journal.facts import Fact, FactKind, run_id_of
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.demotions import settle
from qe_plugins.ladder.on_ladder import OnLadder, read
from qe_plugins.ladder.proposals import confirm, propose
from qe_plugins.ladder.rungs import Ladder, load_ladder
from qe_plugins.ladder.versions import version_of
from tests.command import ROOT

LADDER = ROOT / "configs/ladder/mes_to_es.yaml"
MINUTE = 60_000_000_000
NAME = "climber"

CLAIM = {
    "edge": 0.4,
    "sd": 1.43,
    "lockbox": "passed",
    "family_wise": True,
    "deflated_sharpe": 0.97,
    "capacity": 12,
}


class Climber:
    """Writes what a strategy's sessions would, and reads where it stands. The name is `climber`.

    Its ladder asks for 2 sessions where the project's asks for 20.
    """

    def __init__(self, folder: Path, **claim: Any) -> None:
        self.folder = folder
        self.claim, self.file = folder / "claim.yaml", folder / f"{NAME}.yaml"
        self.ladder_file = folder / "ladder.yaml"
        text = LADDER.read_text().replace("sessions: 20,", "sessions: 2,")
        self.ladder_file.write_text(text.replace("parity_clean: 20 ", "parity_clean: 2 "))
        self.claim.write_text(yaml.safe_dump({"claim": CLAIM | claim}))
        self.configure()
        self.journal = Journal.open()
        self._ts = 1_700_000_000_000_000_000
        self.journal_has_red = False

    def configure(self, **settings: Any) -> None:
        """Write the configuration, with other settings of its strategy."""
        config = {
            "extends": str(ROOT / "configs/base/cme.yaml"),
            "name": NAME,
            "data": {"synthetic": {"root": "MES", "sessions": 1, "contracts": 1}},
            "strategies": {"signal_follower": {"reward": 2.0} | settings},
            "plugins": {
                "hunter_momentum": {"bars": 30, "threshold": 2.0, "stop": 3.0, "reward": 2.0},
                "arbiter_vote": {"quorum": 1, "majority": 0.5},
                "dollar_risk": {},
            },
            "nautilus": {"venue": {"starting_balances": ["400_000 USD"]}},
            "ladder": {"file": str(self.ladder_file), "claim": str(self.claim)},
        }
        self.file.write_text(yaml.safe_dump(config))

    @property
    def ladder(self) -> Ladder:
        return load_ladder(self.ladder_file)

    @property
    def version(self) -> str:
        return version_of(load(self.file))

    def now(self) -> OnLadder:
        """Return where it stands."""
        return read(self.journal, self.ladder, NAME)

    @property
    def rung(self) -> str:
        return self.now().standing.rung

    def up(self) -> str:
        """Propose and confirm; return the new rung."""
        made = propose(self.journal, self.file)
        return confirm(self.journal, made.id).transition.after

    def settle(self, **more: Any) -> list[str]:
        """Execute what the journal calls for; return the causes."""
        _, done = settle(self.journal, self.ladder, NAME, **more)
        return [one.transition.because for one in done]

    def at(self, moment: datetime) -> None:
        """Have the next session begin at a moment."""
        self._ts = int(moment.timestamp()) * 1_000_000_000

    def session(
        self,
        outcomes: Sequence[float] = (),
        *,
        mode: str = "live",
        account: str = "U1234567",
        parity: str | None = None,
        halt: str | None = None,
        resumed_after: int | None = None,
        external: bool = False,
        contaminated: bool = False,
        vote: str | None = None,
        slippage: str = "0.25",
        cost: str | None = None,
        overlapping: bool = False,
    ) -> str:
        """Write a closed session on its rung with trades of these outcomes in R; return its run."""
        found = self.now()
        place = max(found.place, 1)
        limits = found.ladder.rules.futures_rung(place).as_limits
        started = wall_clock.now()
        run_id = run_id_of(started, f"{NAME}-{mode}")
        about = {"strategy": NAME, "version": self.version}
        config = {
            "name": NAME,
            "ladder": {"file": str(self.ladder_file), "name": ""},
            "rung": {"name": limits.name, "risk": str(limits.risk)},
            "slippage": {"model": "ticks", "ticks": 1},
            "broker": {"ib": {"account": account, "live_accounts": ["U1234567"]}},
        }
        run = {"mode": mode, "config": config, "contaminated": contaminated}
        after = {"name": limits.name, "risk": str(limits.risk), "root": limits.root}
        facts = [
            self._fact("run:1", FactKind.RUN, run),
            self._fact("rung:1", FactKind.RUNG, {"before": None, "after": after} | about),
        ]
        if vote is not None:
            facts.append(self._fact("vote:1", FactKind.VOTE, {"facts": {"contamination": vote}}))
        for number, outcome in enumerate(outcomes, start=1):
            opened = self._ts
            self._ts += 0 if overlapping else 10 * MINUTE
            body = {
                "opened": opened,
                "closed": opened + 5 * MINUTE,
                "pnl": str(round(outcome * float(limits.risk), 2)),
                "slippage": slippage,
            }
            if cost is not None:
                body["model_cost"] = cost
            facts.append(self._fact(f"trade:T-{number}", FactKind.TRADE, body))
        if halt is not None:
            reason = {"reason": "a test"}
            facts.append(self._fact("halt:1", FactKind.HALT, reason, source=halt))
        if resumed_after is not None:
            self._ts += resumed_after * 1_000_000_000
            facts.append(self._fact("resume:1", FactKind.RESUME, {}, source="person"))
        if external:
            body = {"synthetic": True, "side": "BUY", "quantity": "1", "instrument_id": "MESH24"}
            facts.append(self._fact("fill:1", FactKind.FILL, body))
        self._ts += 10 * MINUTE
        self.journal.write_run(run_id, NAME, started, facts)
        if parity is not None:
            self.parity(run_id, parity)
        return run_id

    def parity(self, session: str, state: str) -> None:
        """Write a parity check of a session: clean, red or explained."""
        kinds = {"red": "unexplained", "explained": "latency"}
        causes = [] if state == "clean" else [{"kind": kinds[state]}]
        body = {"session": session, "clean": state == "clean", "causes": causes}
        started = wall_clock.now()
        facts = [
            self._fact("run:1", FactKind.RUN, {"mode": "parity"}),
            self._fact("parity:1", FactKind.PARITY, body),
        ]
        self.journal.write_run(run_id_of(started, f"{NAME}-parity"), NAME, started, facts)

    def _fact(self, name: str, kind: FactKind, body: dict[str, Any], source: str = NAME) -> Fact:
        return Fact(id=name, kind=kind, ts_event=self._ts, source=source, body=body)


def later(seconds: float) -> datetime:
    """Return a wall time after now."""
    return wall_clock.now() + timedelta(seconds=seconds)
