"""System prompts of coordinators and captains: files of the project, versioned by their hash."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from qe_plugins import project
from qe_plugins.errors import FleetError
from qe_plugins.plugins.types import Role

FOLDER = Path("agents") / "_prompts"
COMMON = "coordinator.md"


def role_prompt(role: Role) -> str:
    """Return the system prompt of a role: what all coordinators read, then its own file."""
    return f"{prompt_file(COMMON)}\n\n{prompt_file(f'{role.lower()}.md')}"


def captain_prompt(domain: str) -> str:
    """Return what all under a captain of a domain read. Raises FleetError for an unknown domain."""
    return prompt_file(f"captain_{domain}.md")


def seat_prompt(number: int) -> str:
    """Return the prompt of a seat of a jury, from 1."""
    return prompt_file(f"jury_{number}.md")


def prompt_file(name: str) -> str:
    """Return the text of a prompt's file. Raises FleetError where there is none."""
    root = project.find_root(Path.cwd()) or project.CHECKOUT
    file = root / FOLDER / name
    try:
        known = file.stat()
        return _read(file, known.st_mtime_ns, known.st_size)
    except (OSError, UnicodeError) as error:
        have = sorted(one.name for one in (root / FOLDER).glob("*.md"))
        hint = f"There are {', '.join(have)}." if have else "Run qe in a project with prompts."
        raise FleetError("cannot be read.", where=str(FOLDER / name), hint=hint) from error


@lru_cache(maxsize=64)
def _read(file: Path, *_state: int) -> str:
    return file.read_text(encoding="utf-8").strip()
