"""What configs/README.md shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qe_plugins.config.loader import load, read_override
from qe_plugins.config.schema import Config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
README = (CONFIGS / "README.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(extends:.*?)```", README, re.DOTALL)
    run = tmp_path / "run.yaml"
    run.write_text(example.replace("../base", str(CONFIGS / "base")), encoding="utf-8")
    config = load(run).config
    assert config.plugins == {"guardian_limits": {"max_contracts": 1}}


@pytest.mark.parametrize("section", Config.__struct_encode_fields__)
def test_every_section_is_in_the_table(section: str) -> None:
    assert re.search(rf"^\| .*`{section}`", README, re.MULTILINE)


@pytest.mark.parametrize("base", sorted((CONFIGS / "base").glob("*.yaml")), ids=lambda p: p.name)
def test_every_base_file_is_named(base: Path) -> None:
    assert f"`base/{base.name}`" in README


@pytest.mark.parametrize("written", re.findall(r"--set ('[^']+'|\S+='[^']+')", README))
def test_the_overrides_can_be_read(written: str) -> None:
    keys, _ = read_override(written.replace("'", ""))
    assert keys[0] in Config.__struct_encode_fields__
