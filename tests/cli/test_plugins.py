"""`qe plugins` and `qe hooks`, as a user runs them in a project of his own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

GUARDIAN = """
from qe_plugins import Plugin, Role, Veto, hookimpl

class Guardian(Plugin):
    role = Role.GUARDIAN

    @hookimpl
    def veto_order(self, order):
        return Veto("no")
"""

RUN = """
name: desk
data:
  synthetic:
strategies: {}
plugins:  # called in this order
  guardian_b:
  guardian_a:
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with three agents, one of which cannot be imported."""
    agents = tmp_path / "agents"
    agents.mkdir()
    (agents / "__init__.py").touch()
    (agents / "guardian_a.py").write_text(GUARDIAN)
    (agents / "guardian_b.py").write_text(GUARDIAN)
    (agents / "hunter_broken.py").write_text("import no_such_module\n")
    (tmp_path / "run.yaml").write_text(textwrap.dedent(RUN))
    return tmp_path


def qe(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "qe_plugins.cli", *arguments]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)


def listed(folder: Path, *arguments: str) -> dict[str, dict]:
    done = qe(folder, "plugins", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_without_a_configuration_nothing_is_active(project):
    assert {row["order"] for row in listed(project).values()} == {None}


def test_active_plugins_come_first_in_the_order_of_the_file(project):
    rows = listed(project, "--config", "run.yaml")

    assert list(rows)[:2] == ["guardian_b", "guardian_a"]
    assert [row["order"] for row in rows.values()][:3] == [1, 2, None]


def test_an_override_activates_a_plugin(project):
    rows = listed(project, "--config", "run.yaml", "--set", "plugins.hunter_broken={}")

    assert rows["hunter_broken"]["order"] == 3


def test_a_plugin_says_what_it_is(project):
    assert listed(project)["guardian_a"] == {
        "name": "guardian_a",
        "order": None,
        "role": "GUARDIAN",
        "hooks": ["veto_order"],
        "source": "agents/guardian_a.py",
        "error": None,
    }


def test_nothing_is_imported_that_is_not_named(project):
    (project / "agents" / "hunter_broken.py").write_text("open('ran', 'w')\n")

    qe(project, "plugins")

    assert not (project / "ran").exists()


def test_a_source_that_cannot_be_read_is_listed_with_its_cause(project):
    (project / "agents" / "hunter_broken.py").write_text("def (\n")

    assert listed(project)["hunter_broken"]["error"].startswith("SyntaxError: ")


def test_a_plugin_that_fails_to_import_breaks_nothing(project):
    done = qe(project, "plugins", "--load")

    assert done.returncode == 0
    line = "hunter_broken fails: ModuleNotFoundError: No module named 'no_such_module'"
    assert line in done.stdout.splitlines()
    assert "guardian_a" in done.stdout
    assert done.stderr == ""


def test_a_name_that_nobody_offers_is_listed_with_its_line(project):
    (project / "run.yaml").write_text(RUN.replace("guardian_b", "guardian_bb"))

    error = listed(project, "--config", "run.yaml")["guardian_bb"]["error"]

    assert error == "run.yaml:7: no plugin is called 'guardian_bb'. Did you mean 'guardian_b'?"


def test_a_missing_configuration_is_one_line(project):
    done = qe(project, "plugins", "--config", "runn.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: runn.yaml: no such file.")
    assert len(done.stderr.splitlines()) == 1


def test_an_override_needs_a_file_to_override(project):
    done = qe(project, "plugins", "--set", "plugins.guardian_a={}")

    assert done.returncode == 2
    assert "Name the file with --config." in done.stderr


def test_one_hook_is_explained_with_its_example(project):
    done = qe(project, "hooks", "veto_order")

    assert "Veto an order (GUARDIAN)." in done.stdout
    assert "        def veto_order(self, order):" in done.stdout
    assert "size_order" not in done.stdout


def test_without_a_name_all_hooks_are_explained(project):
    done = qe(project, "hooks", "--json")

    names = [hook["name"] for hook in json.loads(done.stdout)]
    assert names[:2] == ["register_features", "engine_started"]
    assert "veto_order" in names
    readable = qe(project, "hooks").stdout
    assert all(f"\n{name}(" in f"\n{readable}" for name in names)


def test_an_unknown_hook_is_one_line(project):
    done = qe(project, "hooks", "veto_ordr")

    assert done.returncode == 2
    assert done.stderr == "error: no hook is called 'veto_ordr'. Did you mean 'veto_order'?\n"


def test_pages_are_no_wider_than_a_hundred_columns(project):
    assert max(map(len, qe(project, "hooks").stdout.splitlines())) <= 100
