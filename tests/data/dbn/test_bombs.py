"""A small input that expands to gigabytes, or to years of work, fails at once in one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import zstandard

from qe_plugins.config.loader import load, override
from qe_plugins.config.nodes import YamlNode
from qe_plugins.data.dbn.files import read_header
from qe_plugins.engine.running.describe import describe
from qe_plugins.errors import ConfigError, DataError, QeError
from qe_plugins.report import run_folder

SOON = 5.0
"""Seconds, on a busy machine."""

RUN = "name: desk\ndata: {synthetic: }\nstrategies: {}\n"


@pytest.fixture(autouse=True)
def _quickly():
    began = time.process_time()
    yield
    assert time.process_time() - began < SOON


def laughs(levels: int, join: str) -> str:
    lines = ["x0: &x0 {a: 1}"]
    lines += [f"x{n}: &x{n} {join.format(*[f'*x{n - 1}'] * 9)}" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        laughs(20, "[{}, {}, {}, {}, {}, {}, {}, {}, {}]"),
        laughs(20, "{{a: {}, b: {}, c: {}, d: {}, e: {}, f: {}, g: {}, h: {}, i: {}}}"),
        laughs(20, "{{<<: [{}, {}, {}, {}, {}, {}, {}, {}, {}]}}"),
        "a: &a {<<: *a}\n",
        "a: &a [*a]\n",
        "[" * 5_000,
        "{a: " * 5_000,
        "? " * 5_000,
        "x: " + "9" * 900_000,
        "x: 1" * 400_000,
        "name: " + "n" * 400 + "\n" + RUN.partition("\n")[2],
    ],
    ids=lambda text: text[:12],
)
def test_a_text_of_a_billion_values(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "run.yaml")
    assert len(str(caught.value)) < 500


def test_an_override_of_a_billion_values() -> None:
    bomb = "{a: &a [1, 1], b: &b [*a, *a], c: [" + "*b, " * 40_000 + "*b]}"
    with pytest.raises(ConfigError, match="stands for more than"):
        override(YamlNode({}, "here"), [f"data.roots={bomb}"])


@pytest.mark.parametrize(
    "setting",
    [
        "data.synthetic.contracts=1000000000",
        "data.synthetic.sessions=1000000000",
        "data.synthetic.years=1000000000",
        "data.chunk_size=1000000000000",
        "data.synthetic.open_price=1e400",
    ],
)
def test_a_setting_of_a_billion(tmp_path: Path, setting: str) -> None:
    (tmp_path / "run.yaml").write_text(RUN)
    with pytest.raises(QeError) as caught:
        describe(load(tmp_path / "run.yaml", [setting]))
    assert len(str(caught.value)) < 500


def test_a_file_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    bomb = tmp_path / "bars.dbn.zst"
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    with bomb.open("wb") as file:
        file.write(packer.compress(b"DBN\x03\xff\xff\xff\x7f"))
        for _ in range(400):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())
    assert bomb.stat().st_size < 300_000
    with pytest.raises(DataError, match="unpacks to more than"):
        read_header(bomb, "here")


def test_a_folder_of_four_hundred_letters(tmp_path: Path) -> None:
    with pytest.raises(QeError, match="longer than 200 bytes"):
        run_folder.check_out(tmp_path / ("o" * 400))
