"""`${NAME}` and `${NAME:-default}` in values, from the environment or from `.env`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace

from qe_plugins import project, state_dir
from qe_plugins.config.nodes import EMPTY, YamlNode
from qe_plugins.config.yaml_reader import meaning
from qe_plugins.errors import ConfigError
from qe_plugins.safe_text import keep_secret

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")
SECRETS = ("KEY", "TOKEN", "SECRET", "PASS", "DSN", "AUTH", "CREDENTIAL", "BEARER", "WEBHOOK_URL")
"""Words in the names of variables whose values are secret; `secrets:` names others."""


def variables() -> dict[str, str]:
    """Return the project's `.env` overridden by the environment, and always `QE_HOME`.

    Nothing is exported: a key in `.env` is used in the values that name it and in no child process.
    """
    return dict(project.dotenv()) | os.environ | {"QE_HOME": str(state_dir.state_dir())}


def interpolate(tree: YamlNode, known: Mapping[str, str]) -> YamlNode:
    """Return `tree` with its `${NAME}` filled in. Raise ConfigError where one is not set.

    Text without quotes is then read as YAML, so `${RISK}` may become a number. A secret stays text
    and is shown as its reference.
    """
    return _interpolated(tree, known, _named_secrets(tree))


def _named_secrets(tree: YamlNode) -> frozenset[str]:
    """Return the variables in `secrets:`. Raises ConfigError for anything but names."""
    found = tree.find(("secrets",))
    if found is None or found.value is None:
        return frozenset()
    items = found.value if isinstance(found.value, list) else [found]
    for item in items:
        if not isinstance(item.value, str) or not NAME.fullmatch(item.value):
            message = "'secrets' takes names of environment variables, such as [FEED_LOGIN]."
            raise ConfigError(message, where=item.location)
    return frozenset(item.value for item in items)


def _interpolated(tree: YamlNode, known: Mapping[str, str], secrets: frozenset[str]) -> YamlNode:
    if isinstance(tree.value, dict):
        below = {k: _interpolated(v, known, secrets) for k, v in tree.value.items()}
        return replace(tree, value=below)
    if isinstance(tree.value, list):
        return replace(tree, value=[_interpolated(item, known, secrets) for item in tree.value])
    if isinstance(tree.value, str) and "${" in tree.value:
        return _filled(tree, known, secrets)
    return tree


def _filled(tree: YamlNode, known: Mapping[str, str], secrets: frozenset[str]) -> YamlNode:
    text, place = str(tree.value), tree.location
    if "${" in REFERENCE.sub("", text):
        hint = "Write ${NAME} or ${NAME:-default}."
        raise ConfigError(f"cannot read {text!r}.", where=place, hint=hint)
    value = REFERENCE.sub(lambda found: _value(found, known, place), text)
    hidden = [found for found in REFERENCE.finditer(text) if _is_secret(found[1], secrets)]
    if hidden:
        shown = REFERENCE.sub(
            lambda found: (
                found[0] if _is_secret(found[1], secrets) else _value(found, known, place)
            ),
            text,
        )
        for found in hidden:
            keep_secret(_value(found, known, place), f"${{{found[1]}}}")
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


def _is_secret(name: str, named: frozenset[str]) -> bool:
    return name in named or any(word in name.upper() for word in SECRETS)
