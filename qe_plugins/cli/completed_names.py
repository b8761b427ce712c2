"""What a shell completes: files, runs, plugins, hooks and the keys of `--set`.

Each function is a callback of click: it takes the context, the parameter and the text so far, and
returns the texts that may stand there. A shell shows nothing where one of them raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

DEEPEST = 3
"""The most parts of a key that is completed: `nautilus.venue.name`."""


def files(_context: click.Context, _parameter: click.Parameter, text: str) -> list[CompletionItem]:
    """Return the YAML files of `configs/` that begin with the text, else leave it to the shell."""
    known = sorted(str(one) for one in Path("configs").rglob("*.yaml"))
    found = [CompletionItem(one) for one in known if one.startswith(text)]
    return found or [CompletionItem(text, type="file")]


def runs(_context: click.Context, _parameter: click.Parameter, text: str) -> list[CompletionItem]:
    """Return `last`, `previous`, and the ids of stored runs, newest first."""
    from qe_plugins.report import run_index

    known = [("last", ""), ("previous", "")]
    known += [(row["run_id"], row.get("name", "")) for row in run_index.listing()]
    return _beginning(text, known)


def hooks(_context: click.Context, _parameter: click.Parameter, text: str) -> list[CompletionItem]:
    """Return the names of the hooks, each with the first line of its description."""
    from qe_plugins.plugins import reference

    return _beginning(text, [(one.name, one.summary) for one in reference()])


def settings(
    context: click.Context, _parameter: click.Parameter, text: str
) -> list[CompletionItem]:
    """Return the keys that `--set` may name, with `=`: of the schema, and of the file before it."""
    if "=" in text:
        return []
    keys = dict.fromkeys(_schema_keys(), "")
    keys |= dict(_plugin_keys())
    given = [context.params.get("file"), *context.args]  # the latter where --set ends the line
    file = next((one for one in map(Path, filter(None, given)) if one.is_file()), None)
    if file is not None:
        from qe_plugins.config.loader import load
        from qe_plugins.errors import QeError

        with suppress(QeError):  # of a file with an error, the schema's keys are left
            keys |= dict(_keys(load(file).resolved))
    return _beginning(text, [(f"{key}=", help_) for key, help_ in sorted(keys.items())])


def _beginning(text: str, known: list[tuple[str, str]]) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=said or None) for name, said in known if name.startswith(text)
    ]


def _schema_keys() -> list[str]:
    from qe_plugins.config.json_schema import editor_schema

    schema = editor_schema()
    return sorted(set(_properties(schema, schema["$defs"], ())))


def _properties(
    part: dict[str, Any], known: dict[str, Any], above: tuple[str, ...]
) -> Iterator[str]:
    for one in (part, *part.get("anyOf", ())):
        section = known.get(one.get("$ref", "").rpartition("/")[2], one)
        inside = section.get("properties", {}) if len(above) < DEEPEST else {}
        if not inside and above and one is part and "anyOf" not in part:
            yield ".".join(above)
        for name, below in inside.items():
            if not below.get("deprecated"):
                yield from _properties(below, known, (*above, name))


def _plugin_keys() -> Iterator[tuple[str, str]]:
    """Return a key for each available plugin, which `--set` activates."""
    from qe_plugins.plugins import listed

    for name, found in listed().items():
        yield f"plugins.{name}", found.role or ""


def _keys(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Return the keys of a resolved file, each with its value."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value)
