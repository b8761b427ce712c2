"""Run `qe` as a trader does: in a process of its own, from the project's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def qe(
    *arguments: object, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Return what `qe` said. `QE_HOME` is the test's own, as everywhere."""
    return subprocess.run(
        [sys.executable, "-m", "qe_plugins.cli", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def figures(*arguments: object, **environment: str) -> dict[str, Any]:
    """Return the JSON that `qe backtest ... --json` prints; it must succeed."""
    done = qe("backtest", *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed
