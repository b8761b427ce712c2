"""`${NAME}` and `${NAME:-default}` in values, from the environment or from `.env`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dotenv import dotenv_values

from qe_plugins import project
from qe_plugins.config.scalars import meaning
from qe_plugins.config.written import EMPTY, Written
from qe_plugins.errors import ConfigError

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")
SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def variables() -> dict[str, str]:
    """Return `.env` of the project around the working folder, with the environment over it.

    Nothing is exported: a key in `.env` reaches the values that name it and no child process.
    """
    folder = project.find_root(Path.cwd()) or Path.cwd()
    written = {k: v for k, v in dotenv_values(folder / ".env").items() if v is not None}
    return written | os.environ


def interpolate(tree: Written, known: Mapping[str, str]) -> Written:
    """Return `tree` with its `${NAME}` filled in. Raise ConfigError where one is not set.

    Text without quotes is read anew as YAML, so `${RISK}` may become a number; a secret stays text
    and is shown as its reference.
    """
    if isinstance(tree.value, dict):
        return replace(tree, value={k: interpolate(v, known) for k, v in tree.value.items()})
    if isinstance(tree.value, list):
        return replace(tree, value=[interpolate(item, known) for item in tree.value])
    if isinstance(tree.value, str) and "${" in tree.value:
        return _filled(tree, known)
    return tree


def _filled(tree: Written, known: Mapping[str, str]) -> Written:
    text, place = str(tree.value), tree.place
    if "${" in REFERENCE.sub("", text):
        hint = "Write ${NAME} or ${NAME:-default}."
        raise ConfigError(f"cannot read {text!r}.", where=place, hint=hint)
    value = REFERENCE.sub(lambda found: _value(found, known, place), text)
    if any(_is_secret(found[1]) for found in REFERENCE.finditer(text)):
        shown = REFERENCE.sub(lambda found: _shown(found, known, place), text)
        return replace(tree, value=value, shown=shown)
    if not tree.plain:
        return replace(tree, value=value)
    return replace(tree, value=meaning(value) if value else EMPTY)


def _value(found: re.Match[str], known: Mapping[str, str], place: str) -> str:
    name, default = found.groups()
    if name in known and (known[name] or default is None):
        return known[name]
    if default is None:
        raise ConfigError(
            f"environment variable {name} is not set.",
            where=place,
            hint=f"Set it, write it to .env, or give a default: ${{{name}:-...}}.",
        )
    return str(default)


def _shown(found: re.Match[str], known: Mapping[str, str], place: str) -> str:
    return found[0] if _is_secret(found[1]) else _value(found, known, place)


def _is_secret(name: str) -> bool:
    return any(word in name.upper() for word in SECRETS)
