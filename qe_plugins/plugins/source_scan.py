"""Role and hooks of a plugin, read from its source without running it."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec

from qe_plugins.plugins.types import Role
from qe_plugins.plugins.validation import SPECS

LARGEST = 1_000_000
"""Maximum size of a source file, in bytes."""


class PluginSource(msgspec.Struct, frozen=True, kw_only=True):
    """Role and hooks in the class body, None and empty where it names none.

    `error` says why the file cannot be read.
    """

    role: str | None = None
    hooks: tuple[str, ...] = ()
    error: str | None = None


def sketch(file: Path) -> PluginSource:
    """Return role and hooks of the last class in a file that has any."""
    try:
        if file.stat().st_size > LARGEST:
            return PluginSource(error=f"is larger than {LARGEST:,} bytes")
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return PluginSource(error=f"{type(error).__name__}: {error}".splitlines()[0])
    found = PluginSource()
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.bases:
            hooks, role = _hooks_in(node), _role_in(node)
            if hooks or role:
                found = PluginSource(role=role or Role.SYSTEM.value, hooks=hooks)
    return found


def _hooks_in(node: ast.ClassDef) -> tuple[str, ...]:
    named = {
        method.name
        for method in node.body
        if isinstance(method, ast.FunctionDef)
        and any("hookimpl" in ast.unparse(one) for one in method.decorator_list)
    }
    return tuple(hook for hook in SPECS if hook in named)


def _role_in(node: ast.ClassDef) -> str | None:
    for line in node.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else None
        target = line.target if isinstance(line, ast.AnnAssign) else target
        value = line.value if isinstance(line, ast.Assign | ast.AnnAssign) else None
        if (
            isinstance(target, ast.Name)
            and target.id == "role"
            and isinstance(value, ast.Attribute)
        ):
            return value.attr if value.attr in Role.__members__ else None
    return None
