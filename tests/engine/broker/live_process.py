"""`qe live` in a process of its own, against a simulated TWS, both on a clock of December 2026.

The market must be open, whenever the tests run: the gateway has a clock that is ahead, the process
the same one by Debian's faketime.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal

OPEN = datetime(2026, 12, 1, 15, tzinfo=UTC)
"""A Tuesday morning in Chicago: MESZ6 is the front month."""

PATIENCE = 120.0


class AheadClock:
    """The machine's clock, moved so that a moment was when the clock was made."""

    def __init__(self, at: datetime = OPEN) -> None:
        self.ahead = round(at.timestamp() - time.time(), 3)

    def now(self) -> float:
        return time.time() + self.ahead


def write_config(folder: Path, port: int, **changes: Any) -> Path:
    """Write the configuration of a session whose strategy does what a file of commands says."""
    ib = {"account": "DU1234567", "port": port}
    config: dict[str, Any] = {
        "extends": str(Path("configs/base/cme.yaml").resolve()),
        "name": "driven",
        "data": {"synthetic": {"root": "MES"}, "bars": "5-SECOND-LAST"},
        "strategies": {
            "driven": {
                "path": "tests.engine.broker.live_traders:Driven",
                "config": {
                    "instrument_id": "MESZ26.XCME",
                    "folder": str(folder),
                },
            }
        },
        "broker": {"ib": ib, "contracts": ["MESZ26.XCME"], "warm_up": 10},
    }
    for key, value in changes.items():
        config[key] = config.get(key, {}) | value if isinstance(value, dict) else value
    file = folder / "live.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def environment(clock: AheadClock, home: Path) -> dict[str, str]:
    """Return the environment of a process on this clock, with its state in `home`."""
    return {
        **os.environ,
        **faked_clock.SETTINGS,
        "QE_HOME": str(home),
        "LD_PRELOAD": str(faked_clock.library()),
        "FAKETIME": f"{clock.ahead:+.3f}s",
        "PYTHONPATH": str(Path.cwd()),
    }


class LiveProcess:
    """A running `qe live`, its strategy's events, and its journal."""

    def __init__(
        self,
        file: Path,
        clock: AheadClock,
        *more: str,
        home: Path | None = None,
        command: str = "live",
    ) -> None:
        self.folder = file.parent
        self.home = home or self.folder / "home"
        self.errors = self.folder / f"stderr-{time.monotonic_ns()}.txt"
        self.began = time.time() + clock.ahead
        (self.folder / "commands").unlink(missing_ok=True)
        (self.folder / "events").unlink(missing_ok=True)
        self._stderr = self.errors.open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qe_plugins.cli", command, str(file), "--json", *more],
            env=environment(clock, self.home),
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def do(self, command: str, **arguments: Any) -> None:
        """Give the strategy a command."""
        with (self.folder / "commands").open("a") as commands:
            commands.write(json.dumps({"do": command, **arguments}) + "\n")

    def events(self) -> list[dict[str, Any]]:
        """Return the strategy's events."""
        file = self.folder / "events"
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def wait(self, kind: str, count: int = 1, seconds: float = PATIENCE, **fields: Any) -> Any:
        """Return the event of this kind, with these fields, that is number `count`."""

        def found() -> Any:
            same = [
                one
                for one in self.events()
                if one["event"] == kind and all(one.get(k) == v for k, v in fields.items())
            ]
            return same[count - 1] if len(same) >= count else None

        return self.until(found, seconds, f"{kind} {fields}")

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE, what: str = "") -> Any:
        """Return the first true answer. Raises AssertionError after so many seconds."""
        end = time.monotonic() + seconds
        while not (answer := condition()):
            dead = self.process.poll() is not None
            if dead or time.monotonic() > end:
                said = f"{self.errors.read_text()}\n{self.events()}"
                raise AssertionError(f"not within {seconds} s: {what}\n{said}")
            time.sleep(0.02)
        return answer

    def kill(self) -> None:
        """Kill the process, as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> dict[str, Any]:
        """End the session as Ctrl-C does; return the figures that it prints."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, self.errors.read_text()
        figures: dict[str, Any] = json.loads(out)
        return figures

    def facts(self, *kinds: FactKind) -> list[Fact]:
        """Return the facts of the newest run, of some kinds."""
        with Journal.open(f"sqlite:///{self.home / 'journal.sqlite'}") as journal:
            runs = sorted(one.run_id for one in (*journal.runs(), *journal.open_runs()))
            return journal.facts(runs[-1], kinds or None) if runs else []

    def qe(self, *arguments: str) -> None:
        """Run another command on the same state folder."""
        run = [sys.executable, "-m", "qe_plugins.cli", *arguments]
        here = os.environ | {"QE_HOME": str(self.home)}
        subprocess.run(run, env=here, check=True, capture_output=True)

    def _end(self, number: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._stderr.close()


def types(orders: Sequence[dict[str, Any]]) -> list[str]:
    """Return the types of orders, sorted: `LMT`, `STP`."""
    return sorted(one["type"] for one in orders)
