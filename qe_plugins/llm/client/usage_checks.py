"""Whether a provider's own account of a call can be believed, and what the call then costs.

A gateway that says "no tokens", or forgets those it charges for, makes every limit a dead letter.
What cannot be believed is in doubt: it counts at its worst case, or at what was said where that is
more.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

import msgspec

from qe_plugins.errors import ModelError
from qe_plugins.llm.pricing import cost
from qe_plugins.llm.pricing.price_list import PriceList
from qe_plugins.llm.providers.base import Completion, ProviderFailure
from qe_plugins.llm.requests import Request, Usage

LARGEST = 4_000_000
"""Tokens that no prompt and no answer has: more than the window of any model."""

REPAIR = 700
"""Bytes that a second try may add to a prompt, to say what was wrong with the first."""

SNAPSHOT = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{4,8}|latest)")
"""What a provider adds to the name of a model to say which snapshot of it answered."""


class CheckedCharge(msgspec.Struct, frozen=True, kw_only=True):
    """What a call costs. `doubt` is why its account is not believed, empty where it is.

    `unknown` says that there is no account at all: the call may have cost its worst case.
    """

    usd: Decimal
    usage: Usage = Usage()
    doubt: str = ""
    unknown: bool = False

    @property
    def in_doubt(self) -> bool:
        """Return whether the amount is a worst case."""
        return self.unknown or bool(self.doubt)


def charge(
    price_list: PriceList,
    request: Request,
    ended: Completion | ProviderFailure | None,
    worst: Decimal,
    at: datetime,
) -> CheckedCharge:
    """Return what a call costs that ended at a moment; None is a call that was let go."""
    failed = isinstance(ended, ProviderFailure)
    if failed and not ended.usage and not ended.charged:  # type: ignore[union-attr]
        return CheckedCharge(usd=Decimal(0))
    if ended is None or ended.usage is None:
        return CheckedCharge(usd=worst, unknown=True)
    usage, model = ended.usage, request.model
    doubt = doubt_of(request, usage)
    more = 0
    if isinstance(ended, Completion):
        model, more = ended.model, ended.more
        doubt = doubt or ended.odd or _unlike_text(ended)
    named = known_as(price_list, request, model)
    if named is None:
        doubt = doubt or f"answered by {model!r}, which has no price"
    try:
        said = _said(price_list, named or request.model, usage, more, at)
    except ModelError as error:
        doubt, said = doubt or error.message, Decimal(0)
    if not doubt:
        return CheckedCharge(usd=said, usage=usage)
    plain = usage if _plausible(usage) else Usage()
    return CheckedCharge(usd=max(worst, said), usage=plain, doubt=doubt)


def doubt_of(request: Request, usage: Usage) -> str:
    """Return why a usage cannot be that of a request, empty where it can."""
    if min(usage.input, usage.cached, usage.output, usage.written) < 0:
        return "a negative count of tokens"
    if usage.input == 0:
        return "a prompt of no tokens"
    if usage.cached + usage.written > usage.input:
        return "more tokens cached than sent"
    if usage.output > request.max_tokens:
        return "more tokens of output than were asked for"
    if usage.input > cost.worst_usage(request).input + REPAIR:
        return "more tokens of prompt than it has bytes"
    return ""


def known_as(price_list: PriceList, request: Request, model: str) -> str | None:
    """Return the name by which the price list knows the model that answered, None for no such."""
    if model == request.model or model in price_list.models:
        return model
    if model.startswith(request.model) and SNAPSHOT.fullmatch(model[len(request.model) :]):
        return request.model
    return None


def _unlike_text(ended: Completion) -> str:
    return "an answer of no tokens" if ended.text.strip() and ended.usage.output == 0 else ""


def _said(price_list: PriceList, model: str, usage: Usage, more: int, at: datetime) -> Decimal:
    """Return what the provider would charge by its own figures; nothing where they are absurd."""
    if not _plausible(usage) or not 0 <= more <= LARGEST:
        return Decimal(0)
    whole = Usage(usage.input, min(usage.cached, usage.input), usage.output + more)
    written = min(usage.written, whole.input - whole.cached)
    return cost.cost(price_list, model, msgspec.structs.replace(whole, written=written), at)


def _plausible(usage: Usage) -> bool:
    return all(0 <= count <= LARGEST for count in msgspec.structs.astuple(usage))
