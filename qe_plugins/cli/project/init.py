"""`qe init`: a project of one's own that uses quant-engine as a library."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click

from qe_plugins.cli import new, scaffold
from qe_plugins.cli.output import echo

STRATEGY, AGENT = "new_high", "guardian_size"
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "configs/first.yaml": "first.yaml",
}
"""The files of a project, and their templates."""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Write a project into FOLDER: a strategy, a guardian, their tests, and a first run.

    It depends on quant-engine as it is installed here: from a checkout, a wheel or an index.
    `qe` finds the strategies and agents of the project it is started in.
    """
    from qe_plugins.cli.project import requirement

    strategy, strategy_yaml = scaffold.render("strategy", "strategies", STRATEGY)
    agent, agent_yaml = scaffold.render("guardian", "agents", AGENT)
    words = {
        "name": project_name(folder),
        "requires": requirement.requirements(),
        "strategy": strategy_yaml,
        "agent": agent_yaml,
    }
    drafts = {name: scaffold.fill(f"project/{file}", **words) for name, file in FILES.items()}
    packages = {
        f"{package}/__init__.py": f'"""{text}"""\n'
        for package, text in new.PACKAGE_DOCSTRINGS.items()
    }
    files = drafts | packages | strategy | agent
    scaffold.write(folder, files)
    for path in files:
        echo(f"wrote {os.path.relpath(folder / path)}")
    echo(f"\ncd {shlex.quote(str(folder))}")
    echo("uv run qe check configs/first.yaml\nuv run qe backtest configs/first.yaml\nuv run pytest")


def project_name(folder: Path) -> str:
    """Return the name of a folder as the name of a distribution: `my-futures` for `My Futures`."""
    return re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "futures"
