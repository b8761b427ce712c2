"""The commands of `configs/guides/` exist, and work in their order from a fresh clone."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from qe_plugins.cli import cli
from tests.command import ROOT
from tests.documents import commands, fresh_clone, typed

GUIDES = sorted((ROOT / "configs" / "guides").glob("*.md"))
ELSEWHERE = {
    "uv run qe rehearse": "until Ctrl-C: tests/testing/tws/test_rehearse.py",
    "uv run qe watch": "until Ctrl-C: tests/guard/test_rehearsal.py",
    "uv run qe live": "until Ctrl-C: tests/guard/test_rehearsal.py",
    "uv run qe observatory": "until Ctrl-C: tests/observatory",
    "uv run qe flatten": "needs a broker: tests/guard/test_rehearsal.py",
}
"""How the commands begin that are not run here, and why."""

QE = re.compile(r"uv run qe (.+?)(?: \|\| true| > .+)?$")
EVERY = [
    (guide.stem, one) for guide in GUIDES for one in commands(guide.read_text(encoding="utf-8"))
]
OF_QE = [(guide, found[1]) for guide, one in EVERY if (found := QE.search(one))]
INLINE = [guide for guide in GUIDES if guide.stem in ("COMPARISON", "GALLERY")]
OF_QE += [
    (guide.stem, one)
    for guide in INLINE
    for one in re.findall(r"`uv run qe (.+?)`", guide.read_text(encoding="utf-8"))
]


def test_there_is_a_guide_for_each_user():
    assert {"TRADER", "AUTHOR", "RESEARCHER", "OPERATOR"} <= {guide.stem for guide in GUIDES}


@pytest.mark.parametrize(("guide", "typed_in"), OF_QE, ids=[f"{g}: {c}" for g, c in OF_QE])
def test_a_command_and_its_options_exist(guide, typed_in):
    words = shlex.split(typed_in)
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    command.make_parser(context).parse_args(words)  # raises for an unknown option

    named = [one for one in words if one.startswith("configs/")]
    own = {"configs/first.yaml"} if guide == "AUTHOR" else set()
    assert [one for one in named if not (ROOT / one).is_file() and one not in own] == []


def test_what_is_not_run_here_is_in_a_guide():
    assert [start for start in ELSEWHERE if not any(c.startswith(start) for _, c in EVERY)] == []


@pytest.mark.long
@pytest.mark.parametrize(
    "guide", [one for one in GUIDES if one.stem != "COMPARISON"], ids=lambda one: one.stem
)
def test_every_command_of_a_guide_in_its_order(guide, tmp_path):
    clone = folder = fresh_clone(tmp_path)
    for command in commands(guide.read_text(encoding="utf-8")):
        if command.startswith("cd "):
            folder = (folder / command.removeprefix("cd ")).resolve()
        elif not command.startswith(tuple(ELSEWHERE)):
            done = typed(command, clone, folder)
            assert done.returncode == 0, f"{command}\n{done.stdout[-2_000:]}{done.stderr}"
