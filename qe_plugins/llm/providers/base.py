"""The protocol of providers of models, and their failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from qe_plugins.llm.requests import Failure, Request, Usage


class Completion(msgspec.Struct, frozen=True):
    """A provider's response: the text as received, the usage, and why it ended.

    `odd` is a contradiction in the provider's own figures, such as reasoning that is not part of
    the output; `more` is output tokens that it reports besides `usage`.
    """

    text: str
    usage: Usage
    model: str
    finish: str = "stop"
    odd: str = ""
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """The terms from which a factory builds a provider.

    `name` is the provider's name in the price list. `key` and `base_url` are empty for a free
    provider without them. `concurrency` is the maximum number of calls in flight; `extra_body` is
    sent with each call.
    """

    name: str
    key: str = field(repr=False)
    base_url: str
    concurrency: int
    extra_body: dict[str, Any]


class Provider(Protocol):
    """A connection to models, shared by all calls. It does not retry by itself."""

    async def complete(self, request: Request, feedback: str = "") -> Completion:
        """Return one completion; `feedback` says what was wrong with the answer before.

        Raises a ProviderFailure and nothing else.
        """

    async def aclose(self) -> None:
        """Close every connection."""


class ProviderFailure(Exception):  # noqa: N818 - an outcome, not a mistake
    """No usable completion. `usage` is what was charged, None where it is not known.

    `retry_after` is the provider's requested pause in seconds, `status` the HTTP status if any;
    `unreached` means that no connection was opened.
    """

    kind = Failure.SERVER
    charged = False
    """Whether the provider may have charged for it."""

    def __init__(
        self,
        detail: str,
        *,
        usage: Usage | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        unreached: bool = False,
    ) -> None:
        self.detail, self.usage, self.retry_after = detail, usage, retry_after
        self.status, self.unreached = status, unreached
        super().__init__(detail)


class RateLimited(ProviderFailure):
    """Too many calls at once, or too many a minute: nothing was charged."""

    kind = Failure.RATE_LIMITED


class ServerFailure(ProviderFailure):
    """The provider failed, or could not be reached: nothing was charged."""


class Timeout(ProviderFailure):
    """No answer in time. It may be charged."""

    kind = Failure.TIMEOUT
    charged = True


class Truncated(ProviderFailure):
    """The answer broke off on the way. It may be charged."""

    kind = Failure.CUT
    charged = True


class Refusal(ProviderFailure):
    """The model would not answer. It is charged."""

    kind = Failure.REFUSED
    charged = True


class BadRequest(ProviderFailure):
    """The provider does not take this request: its key, its model, its fields. Not charged."""

    kind = Failure.BAD_REQUEST
