"""`qe new`: write the draft of an agent, a strategy or a feature with its test."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qe_plugins import project
from qe_plugins.cli import scaffold
from qe_plugins.cli.output import echo
from qe_plugins.plugins.types import Role

ROLES = [role.value for role in Role if role is not Role.SYSTEM]
PACKAGE_DOCSTRINGS = {
    "agents": "Agents: one file is one plugin, with its role in the name.",
    "strategies": "Strategies: one file is one Config and one Strategy.",
}


@click.group()
def new() -> None:
    """Write the draft of an agent, a strategy or a feature.

    Each comes with a passing test and YAML to paste.
    """


@new.command()
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice(ROLES, case_sensitive=False),
    help="HUNTER proposes positions, GUARDIAN vetoes orders, ARBITER resolves votes, "
    "ANALYST reviews trades, SYNTHESIS proposes changes.",
)
def agent(name: str, role: str) -> None:
    """Write agents/ROLE_NAME.py, a plugin, and its test."""
    prefix = role.lower()
    scaffold.check_name(name)
    has_prefix = name == prefix or name.startswith(f"{prefix}_")
    _write_draft(prefix, "agents", name if has_prefix else f"{prefix}_{name}")


@new.command()
@click.argument("name")
def strategy(name: str) -> None:
    """Write strategies/NAME.py, a strategy, and its test."""
    _write_draft("strategy", "strategies", name)


@new.command()
@click.argument("name")
def feature(name: str) -> None:
    """Write agents/feature_NAME.py, a plugin with a family of features, and its three tests."""
    scaffold.check_name(name)
    _write_draft("feature", "agents", name if name.startswith("feature_") else f"feature_{name}")


def _write_draft(kind: str, package: str, module: str) -> None:
    scaffold.check_name(module)
    root = project.find_root(Path.cwd()) or Path.cwd()
    files, yaml = scaffold.render(kind, package, module)
    init = f"{package}/__init__.py"
    if not (root / init).exists():
        files[init] = f'"""{PACKAGE_DOCSTRINGS[package]}"""\n'
    scaffold.write(root, files)
    for path in files:
        echo(f"wrote {os.path.relpath(root / path)}")
    test = os.path.relpath(root / "tests" / package / f"test_{module}.py")
    echo(f"try   pytest {test}\n\nPaste into a configuration:\n\n{yaml}", nl=False)
