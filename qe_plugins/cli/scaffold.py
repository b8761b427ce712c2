"""Render the files of `qe new` from templates, and write all of them or none."""

from __future__ import annotations

import ast
import keyword
import os
import re
from collections.abc import Mapping
from pathlib import Path

from qe_plugins.errors import QeError

WIDTH = 100
LONGEST = 30
TEMPLATES = Path(__file__).parent.parent / "templates"


def check_name(name: str) -> None:
    """Raise QeError unless `name` can be the name of a module of the project."""
    if _is_name(name):
        return
    rule = (
        f"A name has lower-case letters, digits and single _, at most {LONGEST} characters,"
        " and is not a Python keyword."
    )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    better = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[:LONGEST].rstrip("_")
    hint = f"{rule} Perhaps '{better}'?" if _is_name(better) else rule
    raise QeError(f"'{name}' cannot name a module.", hint=hint)


def _is_name(name: str) -> bool:
    fits = re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) and len(name) <= LONGEST
    return bool(fits) and not keyword.iskeyword(name)


def class_name(module: str) -> str:
    """Return `OpeningRange` for `opening_range`."""
    return "".join(word.capitalize() for word in module.split("_"))


def render(kind: str, package: str, module: str) -> tuple[dict[str, str], str]:
    """Return the files of a new `package`.`module` by path, and the YAML that activates it.

    Raises QeError if its class has a name that its own files import.
    """
    words = {
        "module": module,
        "cls": class_name(module),
        "title": module.replace("_", " ").capitalize(),
    }
    templates = (f"{kind}.py", f"test_{kind}.py", f"{kind}.yaml")
    code, test, yaml = (fill(template, **words) for template in templates)
    for text in (code, test):
        _refuse_clash(text, f"{package}.{module}", words["cls"])
    return {f"{package}/{module}.py": code, f"tests/{package}/test_{module}.py": test}, yaml


def fill(template: str, **words: object) -> str:
    """Return a file of `templates/`, named without `.jinja`, with `words` filled in."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=template.startswith("project/"),
        autoescape=False,
    )
    environment.filters["fit"] = fit
    return environment.get_template(f"{template}.jinja").render(words)


def fit(line: str) -> str:
    """Break a line that is too long as ruff does: an import by name, a class in its brackets."""
    if len(line) <= WIDTH:
        return line
    if line.startswith("from "):
        source, _, names = line.partition(" import ")
        listed = "".join(f"    {name},\n" for name in names.split(", "))
        return f"{source} import (\n{listed})"
    head, _, rest = line.partition("(")
    return f"{head}(\n    {rest.removesuffix('):')}\n):"


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write `files` below `root`. Raises QeError, with nothing written, if one cannot be."""
    for path in files:
        if os.path.lexists(root / path):
            hint = "Choose another name, or remove it first."
            raise QeError("already exists.", where=path, hint=hint)
    written: list[Path] = []
    try:
        for path, text in files.items():
            _write_file(root / path, text, written)
    except BaseException as error:
        for file in written:
            file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise QeError(f"cannot be written: {error.strerror}.", where=error.filename) from error
        raise


def _write_file(file: Path, text: str, written: list[Path]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as opened:
        written.append(file)
        opened.write(text)


def _refuse_clash(text: str, own: str, name: str) -> None:
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if node.module != own and name in {alias.name for alias in node.names}:
            message = f"a class '{name}' would hide {node.module}.{name}, which its files use."
            raise QeError(message, hint="Choose a name of two words.")
