"""`qe completion`: let the shell complete commands, options, files, runs, plugins and keys."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from qe_plugins.cli.output import echo
from qe_plugins.errors import QeError

PROGRAM, VARIABLE = "qe", "_QE_COMPLETE"
PLACES = {
    "bash": ("XDG_DATA_HOME", ".local/share", "bash-completion/completions/qe"),
    "zsh": ("XDG_DATA_HOME", ".local/share", "zsh/site-functions/_qe"),
    "fish": ("XDG_CONFIG_HOME", ".config", "fish/completions/qe.fish"),
}
"""For each shell: the variable of a folder, what it is by default, and the file below it."""

THEN = {
    "bash": "Start a new shell. It needs Debian's bash-completion, or `source FILE` in ~/.bashrc.",
    "zsh": "Add to ~/.zshrc, before compinit: fpath+=(FOLDER)",
    "fish": "Start a new shell.",
}

NO_SPACE = """[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    return 0"""
"""For bash: no space after a key of `--set`, which ends with `=`."""

shell_option = click.option(
    "--shell", type=click.Choice(tuple(PLACES)), help="The shell.  [default: that of $SHELL]"
)


@click.group()
def completion() -> None:
    """Complete commands, options, files, runs, plugins and the keys of --set in bash, zsh, fish."""


@completion.command()
@shell_option
def show(shell: str | None) -> None:
    """Print the script that the shell reads."""
    click.echo(script(shell or _users_shell()))


@completion.command()
@shell_option
def install(shell: str | None) -> None:
    """Write the script to where the shell looks for it, and say what else it needs."""
    shell = shell or _users_shell()
    file = place(shell)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(script(shell), encoding="utf-8")
    echo(f"wrote {file}")
    echo(THEN[shell].replace("FILE", str(file)).replace("FOLDER", str(file.parent)))


def script(shell: str) -> str:
    """Return click's script for a shell."""
    from qe_plugins.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    template = found(cli, {}, PROGRAM, VARIABLE)
    text = template.source_template % template.source_vars()
    return text.replace("return 0", NO_SPACE) if shell == "bash" else text


def place(shell: str) -> Path:
    """Return the file from which a shell reads the completion of `qe`."""
    variable, default, file = PLACES[shell]
    return Path(os.environ.get(variable) or Path.home() / default) / file


def _users_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in PLACES:
        raise QeError(f"$SHELL is '{name}'.", hint=f"Say --shell {', '.join(PLACES)}.")
    return name
