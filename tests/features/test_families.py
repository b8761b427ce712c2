"""Families that plugins register: by name, checked, and never twice under one name."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from qe_plugins import Family, Plugin, hookimpl
from qe_plugins.errors import PluginError
from qe_plugins.features.families import families_of
from qe_plugins.plugins import PluginManager
from tests.command import qe


def family(name: str = "squeeze", lookback: int = 5) -> Family:
    return Family(name=name, function=lambda bars: np.zeros(len(bars)), lookback=lookback,
                  meaning="nothing")  # fmt: skip


class Registers(Plugin):
    def __init__(self, *families: object) -> None:
        super().__init__()
        self.families = families

    @hookimpl
    def register_features(self) -> list[object]:
        return list(self.families)


def registered(*plugins: Plugin) -> dict[str, Family]:
    manager = PluginManager([(f"p{n}", plugin) for n, plugin in enumerate(plugins)])
    return families_of(manager.call("register_features"))


def test_families_are_found_by_name():
    assert list(registered(Registers(family("a"), family("b")), Registers(family("c")))) == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize(
    ("plugins", "says"),
    [
        ([Registers(family()), Registers(family())], "plugin p1: the family 'squeeze' is also"),
        ([Registers(family("velocity"))], "also that of the catalogue"),
        ([Registers(family("A name"))], "no name of a family"),
        ([Registers(family(lookback=0))], "the lookback of 'squeeze' is 1 to 100,000 bars, was 0"),
        ([Registers("squeeze")], "returns families, was str"),
        ([Registers(1 / 3)], "returns families, was float"),
    ],
)
def test_a_wrong_family_stops_with_the_plugins_name(plugins: list[Plugin], says: str):
    with pytest.raises(PluginError, match=says):
        registered(*plugins)


PLUGIN = """
'''A family of a project.'''
import numpy as np

from qe_plugins import Family, Plugin, hookimpl


class Ahead(Plugin):
    @hookimpl
    def register_features(self):
        function = lambda bars: np.append(bars.close[1:], bars.close[-1])
        return [Family(name="ahead", function=function, lookback=2, meaning="the next close")]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").touch()
    (tmp_path / "agents" / "feature_ahead.py").write_text(textwrap.dedent(PLUGIN))
    return tmp_path


def test_a_projects_family_is_found_in_its_source(project: Path):
    done = qe("features", "list", "--json", cwd=project)

    assert done.returncode == 0, done.stderr
    assert "the next close" in done.stdout
