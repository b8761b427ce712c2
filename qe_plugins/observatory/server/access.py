"""Who may look: a key that is good once becomes a session, kept in a cookie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from qe_plugins import state_dir
from qe_plugins.halt.latch import write_atomically

KEY_LASTS = 60.0
"""Seconds for which a printed key is good."""

SESSION_LASTS = 12 * 3600.0
"""Seconds after which a session ends."""

MOST_SESSIONS = 32


class EntryKey:
    """The key of the printed address. The file has its SHA-256, so reading it lets no one in."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def at_home(cls, port: int) -> EntryKey:
        """Return the key of the Observatory on a port of this machine."""
        return cls(state_dir.state_dir() / "run" / f"observatory-{port}.key")

    def renew(self) -> str:
        """Return a new key; the file is its owner's alone (0600). Raises OSError."""
        key = secrets.token_urlsafe(32)
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self.file, _digest(key).encode(), durable=False)
        return key

    def take(self, given: str) -> bool:
        """Return whether a key is right, not older than KEY_LASTS, and taken for the first time."""
        try:
            age = time.time() - self.file.stat().st_mtime
            right = hmac.compare_digest(self.file.read_bytes(), _digest(given).encode())
            if not right or not -1.0 <= age <= KEY_LASTS:
                return False
            self.file.unlink()
        except OSError:
            return False
        return True

    def drop(self) -> None:
        """Remove the file: no key is good."""
        self.file.unlink(missing_ok=True)


class BrowserSession(msgspec.Struct, frozen=True, kw_only=True):
    """One browser's session: the token that its forms send, and the monotonic time of its end."""

    token: str
    ends: float


class BrowserSessions:
    """The sessions of one process. They end with it, after SESSION_LASTS, or for newer ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, BrowserSession] = {}

    def start(self) -> str:
        """Return the secret of a new session, for its cookie."""
        secret = secrets.token_urlsafe(32)
        while len(self._found) >= MOST_SESSIONS:
            self._found.pop(next(iter(self._found)))
        self._found[_digest(secret)] = BrowserSession(
            token=secrets.token_urlsafe(32), ends=self._clock() + SESSION_LASTS
        )
        return secret

    def find(self, secret: str | None) -> BrowserSession | None:
        """Return the session of a cookie's secret, or None."""
        if not secret:
            return None
        found = self._found.get(_digest(secret))
        if found is not None and self._clock() >= found.ends:
            del self._found[_digest(secret)]
            return None
        return found

    def alive(self, session: BrowserSession) -> bool:
        """Return whether a session has not ended."""
        return self._clock() < session.ends and session in self._found.values()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
