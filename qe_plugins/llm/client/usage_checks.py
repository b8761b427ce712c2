"""Check the usage that a provider reports for a call, and return the charge.

A gateway that reports no tokens, or too few, would make every limit useless. A usage that is not
plausible is in doubt: the call is charged at its worst case, or at the reported cost if higher.
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
"""Maximum number of tokens of a prompt or an answer: more than any model's context window."""

REPAIR = 700
"""Bytes that a repair may add to a prompt, to say what was wrong with the first answer."""

SNAPSHOT = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{4,8}|latest)")
"""Suffix of a model's name by which a provider names the snapshot that answered."""


class CheckedCharge(msgspec.Struct, frozen=True, kw_only=True):
    """The charge of a call in USD. `doubt` is why its usage is not believed, empty where it is.

    `unknown` means that no usage was reported: the call may have cost its worst case.
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
    """Return the charge of a call that ended at `at`; `ended` is None for a cancelled call."""
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
        said = _stated_cost(price_list, named or request.model, usage, more, at)
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
    """Return the price list's name of the model that answered, None where it has none."""
    if model == request.model or model in price_list.models:
        return model
    if model.startswith(request.model) and SNAPSHOT.fullmatch(model[len(request.model) :]):
        return request.model
    return None


def _unlike_text(ended: Completion) -> str:
    return "an answer of no tokens" if ended.text.strip() and ended.usage.output == 0 else ""


def _stated_cost(
    price_list: PriceList, model: str, usage: Usage, more: int, at: datetime
) -> Decimal:
    """Return the cost by the provider's own figures in USD; 0 where they are not plausible."""
    if not _plausible(usage) or not 0 <= more <= LARGEST:
        return Decimal(0)
    whole = Usage(usage.input, min(usage.cached, usage.input), usage.output + more)
    written = min(usage.written, whole.input - whole.cached)
    return cost.cost(price_list, model, msgspec.structs.replace(whole, written=written), at)


def _plausible(usage: Usage) -> bool:
    return all(0 <= count <= LARGEST for count in msgspec.structs.astuple(usage))
