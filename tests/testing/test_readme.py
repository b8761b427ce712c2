"""What agents/README.md shows a newcomer works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "agents" / "README.md").read_text()


def test_the_agent_of_the_readme_passes_the_test_of_the_readme(tmp_path: Path):
    agent, test = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    files = {
        "agents/__init__.py": "",
        "agents/guardian_lunch.py": agent,
        "tests/agents/test_guardian_lunch.py": test,
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_readme_names_every_fixture():
    from qe_plugins.testing import fixtures

    assert all(f"`{fixture}" in README for fixture in fixtures.__all__)
