"""Families of features in a package of their own: listed, checked, and refused where they clash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.third_party.desk import Desk

CLASH = """
from qe_plugins import Family, Plugin, hookimpl


class AnalystClash(Plugin):
    @hookimpl
    def register_features(self):
        return [Family(name="desk_width", function=lambda bars: bars.close, lookback=1, meaning="")]
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"), "desk_features")


def test_an_installed_family_is_listed(desk: Desk):
    done = desk.qe("features", "list", "--json")

    assert done.returncode == 0, done.stderr
    entries = {one["name"]: one for one in json.loads(done.stdout)}
    assert len(entries) == 1_293
    assert entries["desk_width"]["lookback"] == 5
    assert entries["desk_width"]["meaning"] == "mean range of 5 bars"


def test_an_installed_family_is_checked(desk: Desk):
    honest, hindsight = (desk.qe("features", "check", name, "--streamed", "5")
                         for name in ("desk_width", "desk_hindsight"))  # fmt: skip

    assert honest.returncode == 0, honest.stderr
    assert "all is well" in honest.stdout
    assert hindsight.returncode == 1
    assert hindsight.stdout.startswith("1m.desk_hindsight: prefix broken at ")


@pytest.fixture
def clash(desk: Desk) -> Iterator[None]:
    """Have an agent of the project register a family of the package's name."""
    agents = desk.project / "agents"
    agents.mkdir()
    (agents / "__init__.py").touch()
    (agents / "analyst_clash.py").write_text(CLASH, encoding="utf-8")
    yield
    shutil.rmtree(agents)


@pytest.mark.usefixtures("clash")
@pytest.mark.long
def test_a_clash_with_an_installed_family_is_refused(desk: Desk):
    done = desk.qe("features", "list")

    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "the family 'desk_width' is also that of plugin" in line
