"""What the project stands on is written down with hashes, and without a registry."""

from __future__ import annotations

import re
import tomllib

from tests.command import ROOT

TEXT = (ROOT / "configs" / "supply" / "constraints.txt").read_text(encoding="utf-8")
LISTED = {name.lower() for name in re.findall(r"^([A-Za-z0-9_.-]+)==", TEXT, re.MULTILINE)}


def test_every_dependency_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[<>=!~; ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names - LISTED == set()


def test_every_one_has_hashes_and_none_an_address() -> None:
    entries = re.split(r"\n(?=\S)", TEXT.strip())
    assert [one for one in entries if "--hash=sha256:" not in one] == []
    assert "://" not in TEXT
