"""Halt, and Flatten on a page of its own; and what each of them did."""

from __future__ import annotations

from qe_plugins.errors import QeError
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.server import actions
from qe_plugins.observatory.sources import Sources

REASON = "halted from the Observatory"


def page(sources: Sources) -> Page:
    """Return the pages of the two actions."""
    done = actions.Actions()

    def halt(asked: Asked) -> str:
        reason = " ".join(asked.form.get("reason", "").split())[:200] or REASON
        return f"/done/{done.once(_number(asked), lambda: actions.halt(reason))}"

    def ask_to_flatten(asked: Asked) -> Shown:
        return Shown(template="flatten.html", values={"holds": sources.strip().holds})

    def flatten(asked: Asked) -> str:
        named = asked.form.get("contract", "").strip()
        holds = sources.strip().holds
        if named not in holds:
            raise QeError(
                f"'{named[:60]}' is not the name of a contract that is held.",
                where="flatten",
                hint="Type the name as the page shows it.",
            )
        reason = " ".join(asked.form.get("reason", "").split())[:200] or "flattened by a person"
        return f"/done/{done.once(_number(asked), lambda: actions.flatten(named, reason))}"

    def outcome(asked: Asked) -> Shown:
        found = done.outcome(asked.path["number"])
        if found is None:
            raise QeError("no action has this number.", hint="`qe journal halts` lists halts.")
        return Shown(template="acted.html", values={"outcome": found})

    return Page(
        title="Flatten",
        path="/flatten",
        views={"/flatten": ask_to_flatten, "/done/{number}": outcome},
        forms={"/halt": halt, "/flatten": flatten},
    )


def _number(asked: Asked) -> str:
    """Return the number of a form. Raises QeError for a form without one."""
    number = asked.form.get("once", "")
    if not (16 <= len(number) <= 64 and number.isascii() and number.isalnum()):
        raise QeError("the form has no number.", where="observatory", hint="Reload the page.")
    return number
