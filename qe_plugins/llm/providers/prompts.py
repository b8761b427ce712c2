"""The wording that this package adds to prompts: the form of the answer, and the repair."""

from __future__ import annotations

from functools import lru_cache

from qe_plugins.llm.requests import Request


def json_only(request: Request) -> str:
    """Return the system prompt with the form of the answer, for services that take no schema."""
    return _with_form(request.system, request.schema_name, request.schema)


@lru_cache(maxsize=256)
def _with_form(system: str, name: str, schema: str) -> str:
    return (
        f"{system}\n\nAnswer with one JSON object and nothing else. It must be a {name}, "
        f"which this JSON Schema describes:\n{schema}"
    )


def again(feedback: str) -> str:
    """Return the prompt after an answer that could not be used."""
    said = f"Your answer before could not be used: {feedback}."
    return f"{said} Answer again, with one JSON object only."
