"""`qe new` writes a module, its test and the YAML that names it; what it wrote is sound."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qe_plugins.cli import cli, scaffold
from qe_plugins.errors import QeError

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
ROLES = ("HUNTER", "GUARDIAN", "ANALYST", "ARBITER", "SYNTHESIS")
RUN = """
name: pasted
data:
  synthetic: {sessions: 1}
contracts:
  MES: {margin_init: 2_230 USD, margin_maint: 2_027 USD, fee: 0.57 USD}
"""
LONG = "breakout_of_the_morning_range"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of this test, which is no project yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["new", *arguments], catch_exceptions=False)


def refusal(*arguments: str) -> str:
    """Return the one line with which `qe new` refuses."""
    with pytest.raises(QeError) as refused:
        new(*arguments)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    return str(refused.value)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_agent_is_named_after_its_role(folder):
    assert new("agent", "calm", "--role", "GUARDIAN").exit_code == 0

    assert files(folder) == [
        "agents/__init__.py",
        "agents/guardian_calm.py",
        "tests/agents/test_guardian_calm.py",
    ]


@pytest.mark.parametrize("name", ["guardian_calm", "guardian"])
def test_a_name_that_says_its_role_is_kept(folder, name):
    new("agent", name, "--role", "guardian")

    assert (folder / "agents" / f"{name}.py").is_file()


def test_a_strategy_has_its_own_name(folder):
    new("strategy", "morning_range")

    assert "class MorningRange(Strategy):" in (folder / "strategies/morning_range.py").read_text()
    assert (folder / "tests/strategies/test_morning_range.py").is_file()


def test_a_feature_is_a_plugin_with_three_tests(folder):
    new("feature", "squeeze")

    assert files(folder)[1:] == [
        "agents/feature_squeeze.py",
        "tests/agents/test_feature_squeeze.py",
    ]
    assert (folder / files(folder)[2]).read_text().count("def test_") == 3


def test_what_was_written_is_said_with_the_yaml_to_paste():
    said = new("agent", "calm", "--role", "GUARDIAN").output

    assert "wrote agents/guardian_calm.py\n" in said
    assert said.endswith("plugins:  # called in this order\n  guardian_calm:\n    contracts: 1\n")


def test_below_a_project_the_files_go_to_its_root(folder, monkeypatch):
    new("strategy", "first")
    (folder / "pyproject.toml").touch()
    below = folder / "configs"
    below.mkdir()
    monkeypatch.chdir(below)

    assert "wrote ../strategies/second.py\n" in new("strategy", "second").output


def test_an_existing_package_keeps_its_docstring(folder):
    new("strategy", "first")
    (folder / "strategies" / "__init__.py").write_text('"""Mine."""\n')
    new("strategy", "second")

    assert (folder / "strategies" / "__init__.py").read_text() == '"""Mine."""\n'


@pytest.mark.parametrize("there", ["strategies/mine.py", "tests/strategies/test_mine.py"])
def test_nothing_is_overwritten_and_nothing_is_written(folder, there):
    (folder / there).parent.mkdir(parents=True)
    (folder / there).write_text("precious")

    assert refusal("strategy", "mine").startswith(f"{there}: already exists.")
    assert files(folder) == [there]
    assert (folder / there).read_text() == "precious"


def test_what_cannot_be_finished_is_taken_back(folder):
    (folder / "tests").write_text("a file where a folder should be")

    assert "cannot be written" in refusal("strategy", "mine")
    assert files(folder) == ["tests"]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("my-own", "my_own"),
        ("MyOwn", "my_own"),
        ("_private", "private"),
        ("two__scores", "two_scores"),
        ("../escape", "escape"),
        ("mine.py", "mine_py"),
        (LONG + "_and_more", "breakout_of_the_morning_range"),
    ],
)
def test_a_bad_name_is_one_line_with_a_better_one(folder, name, better):
    assert refusal("strategy", name).endswith(f"Perhaps '{better}'?")
    assert files(folder) == []


@pytest.mark.parametrize("name", ["class", "Class", "1st", "ähnlich", "", "-"])
def test_what_is_no_name_is_refused(folder, name):
    assert refusal("strategy", "--", name).startswith(f"'{name}' cannot name a module.")
    assert files(folder) == []


@pytest.mark.parametrize("name", ["strategy", "bar", "venue"])
def test_a_class_may_not_hide_what_its_files_use(folder, name):
    assert "would hide nautilus_trader." in refusal("strategy", name)
    assert files(folder) == []


def test_an_unknown_role_is_refused():
    refused = new("agent", "calm", "--role", "BOSS")

    assert refused.exit_code == 2
    assert "'hunter', 'guardian'" in refused.output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of everything that `qe new` can write, with short names and with long."""
    root = tmp_path_factory.mktemp("project")
    for kind in (*map(str.lower, ROLES), "strategy", "feature"):
        package = "strategies" if kind == "strategy" else "agents"
        for module in (f"{kind}_x", f"{kind}_{LONG}"[: scaffold.LONGEST].rstrip("_")):
            written, _ = scaffold.render(kind, package, module)
            scaffold.write(root, written)
        (root / package / "__init__.py").touch()
    return root


def passes(project: Path, *command: str) -> None:
    run = [sys.executable, "-m", *command]
    done = subprocess.run(run, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_the_written_tests_pass(project):
    passes(project, "pytest", "-q", "-p", "no:cacheprovider", ".")


def test_what_is_written_is_in_house_style(project):
    passes(project, "ruff", "check", "--no-cache", "--config", str(PYPROJECT), ".")
    passes(project, "ruff", "format", "--no-cache", "--check", "--config", str(PYPROJECT), ".")


@pytest.mark.long
def test_what_is_written_is_typed(project):
    passes(project, "mypy", "--strict", "agents", "strategies")


def test_the_yaml_to_paste_is_accepted(project):
    pasted = [scaffold.render(role.lower(), "agents", f"{role.lower()}_x")[1] for role in ROLES]
    pasted.append(scaffold.render("feature", "agents", "feature_x")[1])
    plugins = "".join(yaml.partition("\n")[2] for yaml in pasted)
    _, strategy = scaffold.render("strategy", "strategies", "strategy_x")
    (project / "run.yaml").write_text(f"{RUN}{strategy}plugins:\n{plugins}")

    passes(project, "qe_plugins.cli", "check", "run.yaml")
