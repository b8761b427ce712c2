"""`qe new`: an agent or a strategy with its test, ready to be changed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qe_plugins import project
from qe_plugins.cli import scaffold
from qe_plugins.cli.output import echo
from qe_plugins.plugins.types import Role

ROLES = [role.value for role in Role if role is not Role.SYSTEM]
SAYS = {
    "agents": "Agents: one file is one plugin, with its role in the name.",
    "strategies": "Strategies: one file is one Config and one Strategy.",
}


@click.group()
def new() -> None:
    """Write an agent or a strategy.

    With a test that passes, and the YAML that names it.
    """


@new.command()
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice(ROLES, case_sensitive=False),
    help="HUNTER votes, GUARDIAN vetoes, ARBITER decides, ANALYST reviews, SYNTHESIS proposes.",
)
def agent(name: str, role: str) -> None:
    """Write agents/ROLE_NAME.py, a plugin, and its test."""
    desk = role.lower()
    scaffold.check_name(name)
    says_so = name == desk or name.startswith(f"{desk}_")
    _draft(desk, "agents", name if says_so else f"{desk}_{name}")


@new.command()
@click.argument("name")
def strategy(name: str) -> None:
    """Write strategies/NAME.py, a plain Nautilus strategy, and its test."""
    _draft("strategy", "strategies", name)


def _draft(kind: str, package: str, module: str) -> None:
    scaffold.check_name(module)
    root = project.find_root(Path.cwd()) or Path.cwd()
    files, yaml = scaffold.render(kind, package, module)
    opened = f"{package}/__init__.py"
    if not (root / opened).exists():
        files[opened] = f'"""{SAYS[package]}"""\n'
    scaffold.write(root, files)
    for path in files:
        echo(f"wrote {os.path.relpath(root / path)}")
    test = os.path.relpath(root / "tests" / package / f"test_{module}.py")
    echo(f"try   pytest {test}\n\nPaste into a configuration:\n\n{yaml}", nl=False)
