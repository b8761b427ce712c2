"""qe_plugins/ARCHITECTURE.md is true of the tree: its paths exist, and no package is missing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "qe_plugins"
PAGE = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
PROJECT = ("agents", "configs", "strategies", "tests")
PATH = re.compile(r"\.?[\w.-]+(?:/[\w.-]+)*/?")
FILE = re.compile(r"\.(?:py|md|yaml|toml|html)$")


def paths() -> list[str]:
    """Return the paths that the page names in code spans."""
    return [span for span in SPANS if PATH.fullmatch(span) and ("/" in span or FILE.search(span))]


def exists(path: str) -> bool:
    """Say whether a path of the page is in the package or in the project."""
    return (PACKAGE / path).exists() or (ROOT / path).exists()


def packages() -> list[str]:
    """Return every package of qe_plugins as the page writes it, such as `engine/risk/`."""
    inits = sorted(PACKAGE.rglob("__init__.py"))
    return [
        f"{init.parent.relative_to(PACKAGE).as_posix()}/"
        for init in inits
        if init.parent != PACKAGE and "__pycache__" not in init.parts
    ]


def package_table() -> list[str]:
    """Return the first column of the table of packages."""
    section = PAGE.partition("\n## Packages\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_every_path_of_the_page_exists():
    generated = {"report.html", "sweep.html"}
    assert [path for path in paths() if path not in generated and not exists(path)] == []


def test_the_page_names_many_paths():
    assert len(paths()) > 80


@pytest.mark.parametrize("path", ["engine/gone.py", "engine/gone/", "tests/gone.py"])
def test_a_path_that_does_not_exist_would_be_seen(path):
    assert PATH.fullmatch(path)
    assert not exists(path)


def test_the_table_has_every_package_once_and_no_other():
    assert sorted(package_table()) == sorted(packages())


def test_layers_of_the_page_are_those_of_the_import_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = re.findall(r"```\n(cli\n.*?)```", PAGE, re.DOTALL)[0].splitlines()
    packages = contract[: contract.index("journal") + 1]
    assert drawn[: len(packages)] == packages


def test_commands_of_the_page_are_those_of_the_justfile():
    recipes = set(re.findall(r"^(\w+)[^:\n]*:$", (ROOT / "justfile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`just (\w+)", PAGE)) == recipes - {"default"}
