"""The templates of pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(
    package: str = "qe_plugins.report", finalize: Callable[[Any], Any] | None = None
) -> Environment:
    """Return the templates of a package. All text is escaped; an unknown name is an error.

    `finalize`, where given, is called with each value before it is escaped.
    """
    pages = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    pages.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return pages
