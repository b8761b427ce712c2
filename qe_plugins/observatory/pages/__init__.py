"""The pages. A page is a module here with `page(sources)`, and a template in `templates/`.

`page` returns a `Page`: its title and key, its paths with what shows them, its forms, its feeds. A
module is found by being here; nothing else lists it. A view returns `Shown(template, values)`;
the template extends `base.html`, takes its parts from `parts.html` and adds no script and no
style. A form sends `{{ parts.token(asked) }}` along, and its view returns the path that the browser
goes to. Pages are changed without reading elsewhere; they do not import each other.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from qe_plugins.observatory.live.feeds import Feed
from qe_plugins.observatory.sources import Sources


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a page sees it: the values in its path, its query and its form, as text.

    `token` goes into every form; the guard has checked it before a form's view is called.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    token: str
    url: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A page to render: its template and values.

    `feeds` are the parts that change by themselves besides the strip, as `scan:ID@CURSOR`.
    `framing` says that it has a frame of this server. `chart` loads the library of charts.
    """

    template: str
    values: Mapping[str, Any] = {}
    status: int = 200
    feeds: tuple[str, ...] = ()
    framing: bool = False
    chart: bool = False


type View = Callable[[Asked], Shown | Response]
type FormView = Callable[[Asked], str]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page and what belongs to it.

    `path` is its first one, `key` the letter after `g` that opens it, `order` its place in the
    navigation; without an order it is not in it. `views` and `forms` map paths, as Starlette writes
    them (`/trade/{trade}`), to functions, which are called on a thread and may take their time.
    `warm` is called once, on a thread, when the server starts, for what is slow the first time.
    """

    title: str
    path: str
    key: str = ""
    order: int | None = None
    views: Mapping[str, View]
    forms: Mapping[str, FormView] = {}
    feeds: Iterable[Feed] = ()
    warm: Callable[[], object] | None = None


def all_pages(sources: Sources) -> list[Page]:
    """Return every page of this folder, those of the navigation first and in their order."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        made = importlib.import_module(f"{__name__}.{module.name}").page(sources)
        if made is not None:
            found.append(made)
    return sorted(found, key=lambda one: (one.order is None, one.order or 0, one.path))
