"""What every request must pass: host, method, fetch site, session, token; and the headers of
every answer.

A page of another site that was rebound to this address is same-origin to the browser and sends no
Origin with reads: only the Host header tells, so it is checked for reads too.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qe_plugins.observatory.server.access import (
    SESSION_LASTS,
    BrowserSession,
    BrowserSessions,
    EntryKey,
)
from qe_plugins.observatory.server.audit import Audit, RefusedRequest
from qe_plugins.observatory.settings import ObservatorySettings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FRAMING = f"{POLICY}; frame-src 'self'"
"""The policy of a page with a run's report in a frame."""

FRAMED = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""The policy of a report in a frame: it runs its own script, and reaches nothing."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
LARGEST = 65_536
"""Bytes of a form."""

OPEN = ("/static/", "/enter")
"""Paths that need no session: files of the program, and the printed address."""

SESSION = "observatory.session"
"""Where the session of a request is kept in its scope."""

type SignIn = Callable[[int, str], Response]


class Guard:
    """Passes on what is allowed, refuses the rest, and notes what was refused."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ObservatorySettings,
        sessions: BrowserSessions,
        key: EntryKey,
        audit: Audit,
        sign_in: SignIn,
    ) -> None:
        self._app, self._settings, self._sessions = app, settings, sessions
        self._key, self._audit, self._sign_in = key, audit, sign_in
        self._cookie = f"qe_observatory_{settings.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        refused = self._refused_at_once(scope)
        if refused is None and scope["path"] == "/enter":
            refused = self._enter(scope)
        elif refused is None:
            receive, refused = await self._refused_by_session(scope, receive)
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await refused(scope, receive, send)

    def _refused_at_once(self, scope: Scope) -> Response | None:
        """Return the refusal of a request by its headers alone, or None."""
        headers, method = Headers(scope=scope), scope["method"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._settings.allowed:
            return self._refuse(scope, 421, "host", "This name is not one of the Observatory's.")
        if method not in ("GET", "HEAD", "POST"):
            return self._refuse(scope, 405, "method", "Only GET and POST are answered.")
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if method == "POST":
            if self._settings.read_only:
                return self._refuse(scope, 403, "read-only", "This Observatory is read-only.")
            if not _same_origin(headers, self._scheme(hosts[0])):
                return self._refuse(scope, 403, "origin", "The form is not of this page.")
        elif site in ("cross-site", "same-site"):
            dest = headers.get("sec-fetch-dest", "")
            if mode != "navigate" or dest in ("iframe", "frame", "embed", "object"):
                return self._refuse(scope, 403, "site", "Another site may only link here.")
        return None

    async def _refused_by_session(
        self, scope: Scope, receive: Receive
    ) -> tuple[Receive, Response | None]:
        """Return how to read the request's body, and its refusal without session or token."""
        if scope["path"].startswith(OPEN[0]) and scope["method"] != "POST":
            return receive, None
        session = self._sessions.find(HTTPConnection(scope).cookies.get(self._cookie))
        if session is None:
            self._note(scope, "session")
            return receive, self._sign_in(401, scope["path"])
        scope[SESSION] = session
        if scope["method"] != "POST":
            return receive, None
        body = await _body(scope, receive)
        if body is None:
            return receive, self._refuse(scope, 413, "size", "The form is too large.")
        form = await Request(scope, _replayed(body)).form(max_files=0, max_fields=50)
        given = form.get("token")
        if not isinstance(given, str) or not hmac.compare_digest(
            given.encode("utf-8", "replace"), session.token.encode()
        ):
            return receive, self._refuse(scope, 403, "token", "The form is out of date: reload.")
        return _replayed(body), None

    def _enter(self, scope: Scope) -> Response:
        """Return the answer to the printed address: a cookie and the first page, or a refusal."""
        request = HTTPConnection(scope)
        if scope["method"] != "GET" or not self._key.take(request.query_params.get("key", "")):
            self._note(scope, "key")
            return self._sign_in(403, "/")
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            self._cookie,
            self._sessions.start(),
            max_age=int(SESSION_LASTS),
            httponly=True,
            samesite="strict",
            secure=self._scheme(request.headers["host"]) == "https",
        )
        return answer

    def _scheme(self, host: str) -> str:
        """Return the scheme that the browser sees: a proxy's names are reached by https only."""
        return "https" if host.lower() in self._settings.hosts else "http"

    def _refuse(self, scope: Scope, status: int, why: str, text: str) -> Response:
        self._note(scope, why)
        return PlainTextResponse(f"{text}\n", status_code=status)

    def _note(self, scope: Scope, why: str) -> None:
        headers = Headers(scope=scope)
        self._audit.refused(
            RefusedRequest(
                why=why,
                method=scope["method"],
                path=scope["path"],
                host=headers.get("host", ""),
                origin=headers.get("origin", ""),
            )
        )


def session_of(scope: Scope) -> BrowserSession:
    """Return the session that the guard found for a request."""
    found = scope[SESSION]
    assert isinstance(found, BrowserSession)
    return found


def _same_origin(headers: Headers, scheme: str) -> bool:
    """Return whether the browser says that a form is this origin's.

    A page that sends no referrer sends the Origin `null` with its own forms; then Sec-Fetch-Site
    must say so. What contradicts is refused, and so is silence.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None or origin == "null":
        return site == "same-origin"
    return origin.lower() == f"{scheme}://{headers['host'].lower()}"


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body of a request; None for one larger than LARGEST."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes) -> Receive:
    """Return a `receive` that gives a body that was read before."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds HEADERS to an answer which does not set them itself."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return with_headers
