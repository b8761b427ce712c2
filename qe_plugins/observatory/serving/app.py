"""The application: pages, stream, static files, and the guard around all of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from qe_plugins.errors import QeError
from qe_plugins.observatory.live.feeds import Feed
from qe_plugins.observatory.live.poller import Poller
from qe_plugins.observatory.live.stream import open_stream
from qe_plugins.observatory.live.strip import GLYPHS, StripState
from qe_plugins.observatory.pages import Asked, FormView, Page, Shown, View, all_pages
from qe_plugins.observatory.render import environment
from qe_plugins.observatory.server.access import BrowserSessions, EntryKey
from qe_plugins.observatory.server.actions import TooSoon
from qe_plugins.observatory.server.audit import Audit
from qe_plugins.observatory.server.guard import FRAMING, Guard, session_of
from qe_plugins.observatory.settings import ObservatorySettings
from qe_plugins.observatory.sources import Sources
from qe_plugins.safe_text import named
from qe_plugins.wall_clock import now

LOG = logging.getLogger(__name__)
THREADS = 8
"""Pages that are made at once; more wait. Each thread keeps memory of its own."""

STATIC = Path(__file__).parent.parent / "static"


class Observatory:
    """One served Observatory: its application, sessions, key, poller and audit."""

    def __init__(self, settings: ObservatorySettings) -> None:
        self.settings = settings
        self.key = EntryKey.at_home(settings.port)
        self.sessions = BrowserSessions()
        self.audit = Audit()
        self.sources = Sources(settings)
        self.pages = all_pages(self.sources)
        feeds = [self._strip_feed(), *(feed for page in self.pages for feed in page.feeds)]
        self.poller = Poller({feed.name: feed for feed in feeds})
        self._templates = environment()
        self._templates.globals.update(
            settings=settings,
            glyphs=GLYPHS,
            navigation=[page for page in self.pages if page.order is not None],
        )

    def app(self) -> ASGIApp:
        """Return the application, behind its guard."""
        routes: list[Route | Mount] = [
            Route("/stream", self._stream),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        for page in self.pages:
            routes += [Route(path, self._view(page, view)) for path, view in page.views.items()]
            routes += [
                Route(path, self._form(view), methods=["POST"])
                for path, view in page.forms.items()
                if not self.settings.read_only
            ]
        served = Starlette(
            routes=routes,
            lifespan=self._lifespan,
            exception_handlers={
                HTTPException: self._missing,
                QeError: self._failed,
                Exception: self._failed,
            },
        )
        return Guard(served, self.settings, self.sessions, self.key, self.audit, self._sign_in)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        threading.Thread(target=self._warm, name="qe-warm", daemon=True).start()
        yield
        await run_in_threadpool(self.audit.flush)
        self.sources.close()
        self.key.drop()

    def _warm(self) -> None:
        """Do what is slow the first time, before a page asks for it."""
        for warm in (self._strip, *(page.warm for page in self.pages)):
            try:
                if warm is not None:
                    warm()
            except Exception as error:  # the page itself will say so
                LOG.info("warming up: %s", named(error))

    def _view(self, page: Page, view: View) -> Callable[[Request], Any]:
        async def show(request: Request) -> Response:
            asked = _asked(request, {})
            found = await run_in_threadpool(view, asked)
            if isinstance(found, Response):
                return found
            return await run_in_threadpool(self._page, found, asked, page)

        return show

    def _form(self, view: FormView) -> Callable[[Request], Any]:
        async def act(request: Request) -> Response:
            form = {
                name: value
                for name, value in (await request.form()).items()
                if isinstance(value, str)
            }
            place = await run_in_threadpool(view, _asked(request, form))
            assert place[:1] == "/" != place[1:2], place
            return RedirectResponse(place, status_code=303)

        return act

    def _page(self, found: Shown, asked: Asked, page: Page | None) -> Response:
        """Return a page in the Observatory's frame."""
        html = self._templates.get_template(found.template).render(
            {
                **found.values,
                "asked": asked,
                "page": page,
                "strip": self._strip(),
                "stream": ",".join(("strip", *found.feeds)),
                "chart": found.chart,
                "made": now(),
            }
        )
        headers = {"Content-Security-Policy": FRAMING} if found.framing else None
        return HTMLResponse(html, status_code=found.status, headers=headers)

    def _strip(self) -> StripState:
        return self.sources.strip()

    def _strip_feed(self) -> Feed:
        def cursor(_argument: str) -> str:
            state = self._strip()
            what = (state.word, state.sentence, state.figures, state.more)
            beat = state.read_ms // 500 if state.tone in ("calm", "open") else 0
            return f"{hash(what) & 0xFFFFFFFF:x}.{beat}"

        def render(_argument: str, _since: str, _until: str) -> str:
            return self._templates.get_template("strip_change.html").render(strip=self._strip())

        return Feed(name="strip", cursor=cursor, render=render)

    async def _stream(self, request: Request) -> Response:
        session = session_of(request.scope)
        return open_stream(request, self.poller, lambda: self.sessions.alive(session))

    def _sign_in(self, status: int, path: str) -> Response:
        html = self._templates.get_template("sign_in.html").render(path=path, status=status)
        return HTMLResponse(html, status_code=status)

    async def _missing(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        what = "There is no such page." if error.status_code == 404 else str(error.detail)
        return await self._problem(request, error.status_code, what, None)

    async def _failed(self, request: Request, error: Exception) -> Response:
        if isinstance(error, QeError):
            where = f"{error.where}: " if error.where else ""
            status = 429 if isinstance(error, TooSoon) else 404
            return await self._problem(request, status, f"{where}{error.message}", error.hint)
        LOG.error("%s", named(error), exc_info=error)
        return await self._problem(request, 500, f"This page failed: {named(error)}", None)

    async def _problem(
        self, request: Request, status: int, what: str, hint: str | None
    ) -> Response:
        shown = Shown(template="problem.html", values={"what": what, "hint": hint}, status=status)
        return await run_in_threadpool(self._page, shown, _asked(request, {}), None)


def _asked(request: Request, form: Mapping[str, str]) -> Asked:
    return Asked(
        path={name: str(value) for name, value in request.path_params.items()},
        query=dict(request.query_params),
        form=form,
        token=session_of(request.scope).token,
        url=request.url.path,
    )
