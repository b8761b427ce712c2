"""A throw-away project and throw-away installed packages, seen only by one test."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest


class Site:
    """A folder on `sys.path`: the root of a project, with packages installed beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def agent(self, name: str, code: str) -> None:
        """Write agents/NAME.py."""
        self.write(f"agents/{name}.py", code)

    def install(self, distribution: str, version: str, **plugins: str) -> None:
        """Pretend that a distribution is installed which offers `plugins`, name = module[:attr]."""
        info = f"{distribution.replace('-', '_')}-{version}.dist-info"
        offers = "".join(f"{name} = {target}\n" for name, target in plugins.items())
        self.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\n")
        with (self.folder / info / "METADATA").open("a") as metadata:
            metadata.write(f"Version: {version}\n")
        self.write(f"{info}/entry_points.txt", f"[qe_plugins]\n{offers}")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return a project of its own, the working folder of this test."""
    made = Site(tmp_path / "project")
    made.write("agents/__init__.py", "")
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(sys, "path", [str(made.folder), *sys.path])
    before = dict(sys.modules)
    for name in [name for name in before if name.partition(".")[0] in ("agents", "strategies")]:
        del sys.modules[name]
    yield made
    for name in set(sys.modules) - set(before):
        del sys.modules[name]
    sys.modules.update(before)
