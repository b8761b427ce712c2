"""One name, one thing, in the field's words: classes, folders, modules, imports and prose."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import click
import pytest

from qe_plugins.cli import cli

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "qe_plugins"
MODULES = sorted(PACKAGE.rglob("*.py"))
SHIPPED = [
    *MODULES,
    *sorted((ROOT / "agents").rglob("*.py")),
    *sorted((ROOT / "strategies").rglob("*.py")),
]

TWICE = {
    "Account": "the protocol that plugins see, and the account of a backtest behind it",
    "History": "the protocol that plugins see, and the closed bars of a backtest behind it",
}
"""Public class names that may be defined in two modules, with the reason."""

PROMPTS = PACKAGE / "fleet" / "prompts" / "system.py"
"""Read by models: a change of a word would make every recorded answer another one."""

MOST_MODULES = 20

NICKNAMES = {
    *("house", "floor", "office", "shelf", "till", "cart", "shop", "circle", "circles", "worth"),
    *("crew", "shift", "piece", "pieces", "loud", "wish", "wishes"),
}
"""Words for which the glossary has another one; none may be a part of a name."""


OF_LIBRARIES = {"floor", "shift"}
"""Attributes of NumPy's and Polars' own."""

ALLOWED = {"worth", "is_worth", "good_till"}
"""Aliases for one release, which a plugin may still call, and the term for a time in force."""

SUSPECT = re.compile(
    "|".join(rf"(?:(?<![a-z]){one}|{one.capitalize()})(?![a-z])|{one.upper()}" for one in NICKNAMES)
)
"""What every text matches that holds a name with a nickname: others need not be taken apart."""

PROSE = re.compile(
    r"\b(?:wish(?:es|ed)?|whoever|nobody|somebody|told of|hears|anew)\b", re.IGNORECASE
)
"""Words that no docstring, message, help text or document uses."""


@cache
def trees() -> tuple[tuple[str, ast.Module], ...]:
    """Return the dotted name and the syntax tree of every module of the package."""
    return tuple(
        (
            ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"),
            ast.parse(file.read_text(encoding="utf-8")),
        )
        for file in MODULES
    )


def test_no_public_class_name_is_defined_twice():
    defined = defaultdict(list)
    for name, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(name)

    assert {k: v for k, v in defined.items() if len(v) > (2 if k in TWICE else 1)} == {}


def test_no_folder_has_more_modules_than_one_takes_in_at_a_glance():
    folders = defaultdict(list)
    for file in MODULES:
        if file.name != "__init__.py":
            folders[file.parent.relative_to(ROOT).as_posix()].append(file.name)

    assert {k: len(v) for k, v in folders.items() if len(v) > MOST_MODULES} == {}


def test_modules_do_not_import_one_another_in_a_cycle():
    assert cycles({name: set(found) for name, found in imports().items()}) == []


def test_packages_do_not_import_one_another_in_a_cycle():
    between: dict[str, set[str]] = defaultdict(set)
    for name, found in imports().items():
        between[package_of(name)] |= {package_of(one) for one in found} - {package_of(name)}

    assert cycles(between) == []


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, [["b", "c"]]),
    ],
)
def test_a_cycle_would_be_seen(graph, found):
    assert cycles(graph) == found


def test_no_name_has_a_nickname_in_it():
    found = [
        f"{file.relative_to(ROOT)}:{number}: {name}"
        for file in SHIPPED
        if SUSPECT.search(f"{file.stem}\n{file.read_text(encoding='utf-8')}")
        for number, name in names(file)
        if NICKNAMES & set(words(name))
    ]

    assert found == []


def test_no_text_uses_a_word_that_a_quant_stumbles_over():
    found = [
        f"{file.relative_to(ROOT)}:{number}: {match[0]}"
        for file in [*SHIPPED, *documents()]
        if file != PROMPTS and PROSE.search(file.read_text(encoding="utf-8"))
        for number, text in prose(file)
        for match in PROSE.finditer(text)
    ]

    assert found == []


def test_no_help_text_uses_a_word_that_a_quant_stumbles_over():
    found = [f"{name}: {match[0]}" for name, text in helps(cli) for match in PROSE.finditer(text)]

    assert found == []


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("BackOffice", ["back", "office"]),
        ("_whole_shelf", ["whole", "shelf"]),
        ("HTTPCart2", ["http", "cart"]),
    ],
)
def test_a_nickname_would_be_seen(name, parts):
    assert words(name) == parts
    assert bool(SUSPECT.search(name)) == bool(NICKNAMES & set(parts))


def words(name: str) -> list[str]:
    """Return the words of an identifier in lower case."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return [word.lower() for word in found]


def names(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every name that a module uses, and of its own."""
    yield 0, file.stem
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline):
        foreign = before == "." and token.string in OF_LIBRARIES
        if token.type == tokenize.NAME and not foreign and token.string not in ALLOWED:
            yield token.start[0], token.string
        before = token.string


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of all that a person reads in a file: documents, or a module's
    comments and strings.
    """
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        yield from enumerate(text.splitlines(), start=1)
        return
    written = {tokenize.STRING, tokenize.COMMENT, tokenize.FSTRING_MIDDLE}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in written:
            yield token.start[0], token.string


def documents() -> list[Path]:
    """Return the documents, templates and configurations that are shipped."""
    places = ("qe_plugins", "configs", "agents", "strategies")
    kinds = (".md", ".yaml", ".jinja", ".html")
    shipped = [
        file for place in places for file in (ROOT / place).rglob("*") if file.suffix in kinds
    ]
    return [ROOT / "README.md", *sorted(shipped)]


def helps(command: click.Command, path: str = "qe") -> Iterator[tuple[str, str]]:
    """Yield the help of a command, of its options, and of the commands below it."""
    context = click.Context(command)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from helps(below, f"{path} {name}")


@cache
def imports() -> Mapping[str, set[str]]:
    """Return what each module imports of the package at run-time."""
    every = dict(trees())
    return {name: set(imported(tree, every)) - {name} for name, tree in every.items()}


def imported(node: ast.AST, every: Mapping[str, ast.Module]) -> Iterator[str]:
    """Yield the modules of the package that are imported at or below a statement."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            if whole in every:
                yield whole
            elif node.module in every:
                yield node.module
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from imported(child, every)


@cache
def package_of(name: str) -> str:
    """Return the package of a module; a module beside a package's rooms is one of its own."""
    file = ROOT / Path(*name.split("."))
    if (file / "__init__.py").exists():
        return name
    package = name.rpartition(".")[0]
    rooms = [
        one
        for one in (ROOT / Path(*package.split("."))).iterdir()
        if (one / "__init__.py").exists()
    ]
    return name if rooms and package in ("qe_plugins", "qe_plugins.data") else package


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach one another, each sorted."""
    reach = {node: reachable(graph, node) for node in graph}
    found = {
        tuple(sorted({node} | {other for other in reach[node] if node in reach.get(other, ())}))
        for node in graph
    }
    return sorted(list(group) for group in found if len(group) > 1)


def reachable(graph: Mapping[str, set[str]], node: str) -> set[str]:
    """Return the nodes that can be reached from `node`."""
    found: set[str] = set()
    ahead = list(graph.get(node, ()))
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead.extend(graph.get(one, ()))
    return found
