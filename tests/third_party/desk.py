"""A project on whose path a package of another desk is installed, as its users install it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from qe_plugins.cli import scaffold

PACKAGES = Path(__file__).parent
RUN = """
name: desk
data:
  synthetic: {sessions: 1}
strategies:
  breakout: {instrument_id: MESH24.XCME}
contracts:
  MES: {margin_init: 2_230 USD, margin_maint: 2_027 USD, fee: 0.57 USD}
"""


class Desk:
    """A project with a strategy, on whose path the package is installed."""

    def __init__(self, folder: Path, package: str) -> None:
        self.project, self.packages = folder / "project", folder / "packages"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(self.packages),
            "QE_HOME": str(folder / "home"),
        }
        self._install(package)
        written, _ = scaffold.render("strategy", "strategies", "breakout")
        scaffold.write(self.project, {**written, "strategies/__init__.py": "", "run.yaml": RUN})

    def _install(self, package: str) -> None:
        """Build and install the package as a user does, with the builder that uv brings along."""
        uv = os.environ.get("UV") or shutil.which("uv")
        assert uv, "uv is not on the path. Install it with `pip install uv`."
        where = ["--python", sys.executable, "--target", str(self.packages)]
        install = [uv, "pip", "install", "--offline", "--no-deps", *where, str(PACKAGES / package)]
        subprocess.run(install, check=True, capture_output=True)

    def qe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qe_plugins.cli", *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def plugins(self, *arguments: str) -> dict[str, dict]:
        done = self.qe("plugins", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return {row["name"]: row for row in json.loads(done.stdout)}

    def backtest(self, *arguments: str) -> dict:
        done = self.qe("backtest", "run.yaml", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
