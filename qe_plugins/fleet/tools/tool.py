"""One tool: its arguments' type and schema, and a call with arguments as a model sent them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.llm.tools import ToolSpec
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.fleet.tools.context import ToolContext

LONGEST = 12_000
"""The most characters of a result: a longer one is refused, and the model asks for less."""


class ToolArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the arguments of a tool; each field says in its description what it means."""


class Tool:
    """A tool by `name`. `handler` takes a context and the typed arguments, and returns plain data.

    The first paragraph of the handler's docstring is the description that a model reads. The
    handler raises QeError for what it refuses.
    """

    def __init__(
        self,
        name: str,
        arguments: type[ToolArguments],
        handler: Callable[[ToolContext, Any], Any],
    ) -> None:
        self.name, self.arguments, self.handler = name, arguments, handler
        self.description = " ".join((handler.__doc__ or "").partition("\n\n")[0].split())

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments, an object without references."""
        whole = msgspec.json.schema(self.arguments)
        found: dict[str, Any] = _without_references(whole, whole.get("$defs", {}))
        found.pop("$defs", None)
        return found

    @property
    def spec(self) -> ToolSpec:
        """Return the tool as a request offers it."""
        return ToolSpec(self.name, self.description, self.schema)

    def call(self, context: ToolContext, arguments: Any) -> Any:
        """Return the result for arguments as plain data. Raises ToolError where it is refused."""
        try:
            typed = msgspec.convert(arguments, self.arguments, strict=True)
        except (msgspec.ValidationError, ValueError) as error:
            raise ToolError(f"{self.name}: {error}") from error
        try:
            return self.handler(context, typed)
        except QeError as error:
            raise ToolError(f"{self.name}: {in_words(error)}") from error


class ToolError(Exception):
    """A tool refused a call; its text is for the model."""


def called(
    tools: dict[str, Tool], context: ToolContext, name: str, arguments: Any
) -> tuple[str, bool]:
    """Return the result of a call as JSON text, and whether it is an error.

    An error is a result too: the model may mend its call. Other exceptions are defects and raised.
    """
    try:
        if (tool := tools.get(name)) is None:
            raise ToolError(f"there is no tool {name[:60]!r}. Tools: {', '.join(tools)}")
        text = msgspec.json.encode(tool.call(context, arguments)).decode()
        if len(text) > LONGEST:
            raise ToolError(f"{name}: the result has {len(text):,} characters: ask for less")
    except ToolError as error:
        return str(error), True
    return text, False


def _without_references(part: Any, defs: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_without_references(one, defs) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _without_references(defs[part["$ref"].rsplit("/", 1)[-1]], defs)
    return {name: _without_references(one, defs) for name, one in part.items()}
