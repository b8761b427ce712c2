"""How one Observatory is served: `qe observatory`'s options as a record."""

from __future__ import annotations

import msgspec

PORT = 8777
ADDRESS = "127.0.0.1"
"""The only address that is bound."""


class ObservatorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `qe observatory`.

    `port` is the port that is bound. `hosts` are names besides this machine's own that a proxy
    passes on. `read_only` serves no form; `development` adds the page `/style`.
    """

    port: int = PORT
    read_only: bool = False
    development: bool = False
    hosts: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Return the address of the first page, without a key."""
        return f"http://{ADDRESS}:{self.port}"

    @property
    def allowed(self) -> frozenset[str]:
        """Return every value of a `Host` header that is answered, in lower case."""
        own = {f"{name}:{self.port}" for name in (ADDRESS, "localhost")}
        return frozenset(own | {name.lower() for name in self.hosts})
