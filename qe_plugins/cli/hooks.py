"""`qe hooks`: the reference of every hook, with a tested example."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import click

from qe_plugins.cli import completed_names
from qe_plugins.cli.output import json_option, print_json

if TYPE_CHECKING:
    from qe_plugins.plugins import HookReference


@click.command()
@click.argument("name", required=False, shell_complete=completed_names.hooks)
@json_option
def hooks(name: str | None, as_json: bool) -> None:
    """Print the reference of all hooks, or of the hook NAME.

    For each hook: when it is called, on which thread, how answers combine, what an exception
    means, and an example.
    """
    from qe_plugins.plugins import reference

    found = reference(name)
    if as_json:
        print_json(found)
    else:
        click.echo("\n\n".join(_hook_page(hook) for hook in found))


def _hook_page(hook: HookReference) -> str:
    facts = {
        "called": hook.called,
        "thread": hook.thread,
        "answers": hook.answers,
        "exception": hook.exception,
    }
    parts = [
        click.style(_signature(hook), bold=True),
        _wrapped(hook.summary),
        _list_facts(facts),
        *([_list_facts(hook.arguments)] if hook.arguments else []),
        textwrap.indent(hook.example, "    "),
    ]
    return "\n\n".join(parts)


def _signature(hook: HookReference) -> str:
    """Return the signature; one argument per line if it is too long."""
    if len(hook.signature) <= 100:
        return hook.signature
    given, _, answer = hook.signature.rpartition(") -> ")
    name, _, arguments = given.partition("(")
    lines = re.sub(r", (?=\w+: )", ",\n    ", arguments)
    return f"{name}(\n    {lines},\n) -> {answer}"


def _list_facts(facts: dict[str, str]) -> str:
    width = max(map(len, facts)) + 2
    return "\n".join(_wrapped(text, f"{name:<{width}}") for name, text in facts.items())


def _wrapped(text: str, label: str = "") -> str:
    first, rest = f"  {label}", " " * (2 + len(label))
    return textwrap.fill(text, 100, initial_indent=first, subsequent_indent=rest)
