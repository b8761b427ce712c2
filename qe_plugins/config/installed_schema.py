"""The JSON Schema of a run's file with the names that are installed: strategies and plugins.

An editor completes them, and the settings of each plugin. Plugins are imported for it; strategies,
whose modules import the engine, are named with the first line of their docstring alone.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import project
from qe_plugins.config.json_schema import lenient
from qe_plugins.plugins import available

PREFIX = "plugin."


def with_installed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the editor's schema of a run with the names of strategies and plugins."""
    sections: dict[str, Any] = schema["$defs"]
    top = sections["Config"]["properties"]
    top["strategies"].setdefault("properties", {}).update(_strategies())
    found = {name: one for name, one in available().items() if one.cls is not None}
    configs = [one.cls.Config for one in found.values() if one.cls is not None]
    references, settings = msgspec.json.schema_components(
        configs, ref_template=f"#/$defs/{PREFIX}{{name}}"
    )
    for name, section in settings.items():
        known = lenient(section)
        known.pop("required", None)  # an extended file may have the rest
        sections[f"{PREFIX}{name}"] = known | {"additionalProperties": False}
    for (name, one), reference in zip(found.items(), references, strict=True):
        about = f"{one.role}, {one.source}. {_first_line(one.cls.__doc__ or '')}"
        choices = [reference, {"type": "null"}]
        top["plugins"]["properties"][name] = {"description": about.strip(), "anyOf": choices}
    return schema


def _strategies() -> dict[str, Any]:
    """Return a schema for each file of the project's `strategies/`."""
    root = project.find_root(Path.cwd())
    files = sorted((root / "strategies").glob("[!_]*.py")) if root else []
    return {
        file.stem: {"description": _docstring(file), "type": ["object", "null"]} for file in files
    }


def _docstring(file: Path) -> str:
    try:
        return _first_line(ast.get_docstring(ast.parse(file.read_bytes())) or "")
    except SyntaxError as error:
        return f"does not compile: {error.msg}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
