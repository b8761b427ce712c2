"""The repository holds nothing of the machine it was made on, and every door has a sign."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from qe_plugins.cli import cli

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("qe_plugins", "strategies", "agents")
LONGEST = 350

# Each pattern is written in pieces, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.:~])/" r"(?:work|root|home|tmp|Users)/\w"),
    "a package registry": re.compile(
        r"index[-_]url|tool\.uv\.(?:index|sources)|"
        r"artifac"
        r"tory|devp"
        r"i\b|"
        r"(?:pypi\.or"
        r"g|pythonhoste"
        r"d\.org|npmj"
        r"s\.(?:org|com))",
        re.IGNORECASE,
    ),
    "a host of one network": re.compile(
        r"https?://(?:[\w.-]+\.(?:internal|corp|lan|intranet)\b|(?!127\.)\d+\.\d+\.\d+\.\d+)"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE " r"KEY-----"),
    "a word about its author": re.compile(
        r"\bA"
        r"I\b|(?i:co-author"
        r"ed-by|\bclau"
        r"de\b(?!-(?:opus|sonnet|haiku)-\d)|\bchat"
        r"gpt\b|\bcopil"
        r"ot\b|"
        r"(?:written|generated|authored) (?:by|with) (?:an? )?(?:model|agent|assistant|llm)\b)"
    ),
}
SECRET = re.compile(r"\b(?:db-|sk-|gh[pousr]_|AKIA|xox[abp]-)[A-Za-z0-9_-]{16,}")
FAKE = re.compile(r"(?i)test|fake|example|dummy|your|x{6}|0{6}|1234567")


def tracked() -> list[Path]:
    """Return the repository's files; all of the folder's where it is no repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        return [file for name in listed.stdout.split("\0") if (file := ROOT / name).is_file()]
    return [file for file in ROOT.rglob("*") if file.is_file() and ".venv" not in file.parts]


FILES = tracked()
MODULES = [
    file for file in FILES if file.suffix == ".py" and file.relative_to(ROOT).parts[0] in PRODUCT
]


def shown(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


@cache
def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what):
    found = [
        f"{shown(file)}:{number}: {line.strip()}"
        for file in FILES
        if FORBIDDEN[what].search(text_of(file))
        for number, line in enumerate(text_of(file).splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]

    assert found == []


def test_no_file_holds_a_secret():
    found = [f"{shown(file)}: {key}" for file in FILES for key in secrets(text_of(file))]

    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "open('/" + "home/me/journal.sqlite')"),
        ("a path of one machine", "DATA=/" + "work/shared"),
        ("a package registry", "--index" + "-url https://somewhere"),
        ("a package registry", "https://pypi." + "org/simple"),
        ("a host of one network", "https://mirror." + "internal/simple"),
        ("a host of one network", "http://" + "10.1.2.3/simple"),
        ("a word about its author", "Co-Author" + "ed-By: somebody"),
        ("a word about its author", "# written by an " + "agent"),
    ],
)
def test_what_no_file_may_hold_would_be_seen(what, line):
    assert FORBIDDEN[what].search(line)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "home() / 'runs'"),
        ("a path of one machine", "../shared/data/es_2013"),
        ("a host of one network", "https://127.0.0.1:8080/v0"),
        ("a word about its author", "a plugin in `agents/`, asked by an agent's role"),
    ],
)
def test_what_a_file_may_hold_is_left_alone(what, line):
    assert not FORBIDDEN[what].search(line)


def test_a_secret_would_be_seen_and_an_obviously_fake_one_is_let_be():
    assert secrets("KEY=db-" + "Qw8rT2yU" * 3) != []
    assert secrets("KEY=db-" + "test" * 6) == []


def test_no_lock_file_is_committed():
    assert [shown(file) for file in FILES if file.name == "uv.lock"] == []


def test_no_environment_file_is_committed():
    assert [shown(file) for file in FILES if file.name == ".env"] == []


def test_every_module_has_a_docstring():
    silent = [
        shown(file)
        for file in MODULES
        if (text := text_of(file)).strip()
        and not text.startswith('"""')
        and not ast.get_docstring(ast.parse(text))
    ]

    assert silent == []


def test_no_module_is_longer_than_one_reads_in_one_go():
    assert [shown(file) for file in MODULES if text_of(file).count("\n") > LONGEST] == []


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below `group` with the words that name it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield " ".join([*path, name]), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_every_command_can_be_imported_and_says_what_it_does():
    silent = [name for name, command in commands(cli) if not command.get_short_help_str()]

    assert silent == []


def test_every_option_says_what_it_does():
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in commands(cli)
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert silent == []


def test_the_links_of_every_page_lead_somewhere():
    broken = [
        f"{shown(file)}: {link}"
        for file in FILES
        if file.suffix == ".md"
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(file))
        if "://" not in link and not link.startswith("mailto:")
        if not (file.parent / link).exists()
    ]

    assert broken == []


def secrets(text: str) -> list[str]:
    """Return what looks like a real key in `text`."""
    return [key for key in SECRET.findall(text) if not FAKE.search(key)]
