"""Reference of the hooks, parsed from their docstrings."""

from __future__ import annotations

import inspect
import re
import textwrap

import msgspec

from qe_plugins.errors import HookError, did_you_mean
from qe_plugins.plugins.validation import SPECS

_FACT = r"^{}: (?P<text>.+(?:\n(?! |\w+:).+)*)"
_ARGUMENT = re.compile(r"^(?P<name>\w+): (?P<text>.+(?:\n +.+)*)", re.MULTILINE)


class HookReference(msgspec.Struct, frozen=True, kw_only=True):
    """One hook, as `qe hooks` shows it. `example` is the Python source of a whole plugin."""

    name: str
    signature: str
    summary: str
    called: str
    thread: str
    answers: str
    exception: str
    arguments: dict[str, str]
    example: str


def reference(name: str | None = None) -> list[HookReference]:
    """Return every hook in the order of a trading day, or the one called `name`.

    Raises HookError where there is no such hook.
    """
    if name is None:
        return [_parse_docstring(hook) for hook in SPECS]
    if name not in SPECS:
        hint = did_you_mean(name, SPECS) or f"There are: {', '.join(SPECS)}."
        raise HookError(f"no hook is called '{name}'.", hint=hint)
    return [_parse_docstring(name)]


def _parse_docstring(hook: str) -> HookReference:
    text, _, example = (inspect.getdoc(SPECS[hook]) or "").partition("Example::")
    facts, _, arguments = text.partition("Args:")
    return HookReference(
        name=hook,
        signature=_signature_of(hook),
        summary=text.split("\n\n")[0].replace("\n", " "),
        called=_labelled("Called", facts),
        thread=_labelled("Thread", facts),
        answers=_labelled("Answers", facts),
        exception=_labelled("Exception", facts),
        arguments=_arguments(arguments),
        example=textwrap.dedent(example).strip(),
    )


def _signature_of(hook: str) -> str:
    """Return `veto_order(order, ...) -> Veto | None`, with the annotations as written."""
    signature = inspect.signature(SPECS[hook])
    given = ", ".join(f"{p.name}: {p.annotation}" for p in signature.parameters.values())
    return f"{hook}({given}) -> {signature.return_annotation}"


def _labelled(label: str, facts: str) -> str:
    found = re.search(_FACT.format(label), facts, re.MULTILINE)
    return " ".join(found["text"].split()) if found else ""


def _arguments(text: str) -> dict[str, str]:
    found = _ARGUMENT.finditer(textwrap.dedent(text.strip("\n")))
    return {argument["name"]: " ".join(argument["text"].split()) for argument in found}
