"""A provider's account of itself against its bill: never less than it, and the cap holds."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.requests import Failure, Usage
from qe_plugins.llm.settings import Budgets
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.server import serving
from tests.fakes.model_server.tariff import dearness
from tests.llm.asks import QUICK, Finding, anthropics, ask_all, bill_of, client, request

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("asks", [request, anthropics], ids=["openai", "anthropic"])
LIES = ("usage_zero", "usage_negative", "usage_cached", "usage_huge")


def ours() -> Decimal:
    """Return what our ledger counts: settled, and in doubt."""
    with Ledger() as ledger:
        return sum((row.usd + row.in_doubt for row in ledger.costs("scan")), Decimal(0))


@BOTH
@pytest.mark.parametrize("lie", LIES)
async def test_an_account_that_cannot_be_is_counted_at_worst_case_and_said(
    asks, lie, tmp_path, caplog
):
    async with serving(bill_of(tmp_path), Profile(**{lie: 1.0})) as (url, _), client(url) as asking:
        settled = await ask_all(asking, [asks(n) for n in range(20)])
        doubts = asking.stats.doubts

    assert {one.failure for one in settled} == {None}  # the answers themselves are good
    assert ours() >= bill.total(bill_of(tmp_path)) > 0
    assert sum(doubts.values()) == 20
    assert caplog.text.count("is not believed") == len(doubts) == 1
    assert all(one.usage.output < 1_000 for one in settled)


@pytest.mark.parametrize("lie", [*LIES, "usage_reasoning"])
async def test_a_cap_holds_whatever_the_provider_says(lie, tmp_path):
    limit = Decimal("0.01") * dearness("deepseek-flash")
    few = msgspec.structs.replace(QUICK, concurrency=4)
    async with (
        serving(bill_of(tmp_path), Profile(**{lie: 1.0}, output_tokens=100)) as (url, _),
        client(url, budgets=Budgets(scan=limit), settings=few) as asking,
    ):
        settled = await ask_all(asking, [request(n) for n in range(400)])
        worst = max(one.usd for one in settled)

    assert Failure.BUDGET in {one.failure for one in settled}
    assert bill.total(bill_of(tmp_path)) <= ours() <= limit + 4 * worst


@BOTH
async def test_more_output_than_asked_for_is_paid_and_the_next_call_reserves_as_much(
    asks, tmp_path
):
    one_by_one = msgspec.structs.replace(QUICK, concurrency=1)
    limit = Decimal("0.02") if asks is request else Decimal("0.3")
    async with (
        serving(bill_of(tmp_path), Profile(ignores_max_tokens=1.0)) as (url, _),
        client(url, budgets=Budgets(scan=limit), settings=one_by_one) as asking,
    ):
        settled = await ask_all(asking, [asks(n) for n in range(200)])

    first = settled[0].usd
    assert bill.total(bill_of(tmp_path)) <= ours() <= limit + first
    assert Failure.BUDGET in {one.failure for one in settled}


async def test_the_price_and_the_cutoff_are_those_of_the_model_that_answered(tmp_path):
    async with serving(bill_of(tmp_path), Profile(other_model=1.0)) as (url, _):
        async with client(url) as asking:
            settled = await asking.ask(request(), Finding)
        async with client(url, "another", settings=msgspec.structs.replace(QUICK)) as again:
            replayed = await again.ask(request(valid_for=60.0), Finding)

    assert (settled.model, settled.cutoff) == ("claude-sonnet-5-5", "2026-06")
    assert (replayed.model, replayed.cutoff) == ("claude-sonnet-5-5", "2026-06")
    assert settled.usd == bill.total(bill_of(tmp_path))


@pytest.mark.parametrize(
    ("fault", "attempts"), [("reset", 2), ("http_502", 2), ("http_504", 2), ("http_524", 2)]
)
@BOTH
async def test_what_is_lost_after_it_was_sent_is_in_doubt(asks, fault, attempts, tmp_path):
    once = Profile(**{fault: 1.0, "first_only": True})
    async with serving(bill_of(tmp_path), once) as (url, _), client(url) as asking:
        settled = await asking.ask(asks(), Finding)

    assert (settled.failure, settled.attempts) == (None, attempts)
    assert settled.usd > bill.total(bill_of(tmp_path)) > 0


@pytest.mark.parametrize("fault", ["bad_utf8", "deep_body", "error_200"])
async def test_an_envelope_that_cannot_be_read_is_in_doubt(fault, tmp_path):
    async with (
        serving(bill_of(tmp_path), Profile(**{fault: 1.0})) as (url, _),
        client(url) as asking,
    ):
        settled = await asking.ask(request(), Finding)

    assert settled.failure is Failure.CUT
    assert settled.usd >= bill.total(bill_of(tmp_path)) > 0


@pytest.mark.parametrize("fault", ["deep_text", "duplicate_keys"])
async def test_an_answer_that_cannot_be_read_is_paid_and_repaired_once(fault, tmp_path):
    async with (
        serving(bill_of(tmp_path), Profile(**{fault: 1.0})) as (url, _),
        client(url) as asking,
    ):
        settled = await asking.ask(request(max_tokens=300), Finding)

    assert (settled.failure, settled.attempts) == (Failure.INVALID, 2)
    assert settled.usd >= bill.total(bill_of(tmp_path)) > 0


async def test_one_odd_answer_costs_no_other(tmp_path):
    odd = Profile(bad_utf8=0.05, deep_text=0.02, surrogate_400=0.05, retry_nan=0.1, usage_huge=0.05)
    async with serving(bill_of(tmp_path), odd) as (url, _), client(url) as asking:
        settled = await ask_all(asking, [request(n) for n in range(200)])

    answered = [one for one in settled if one.failure is None]
    assert len(answered) > 170
    assert ours() >= bill.total(bill_of(tmp_path))


async def test_blanks_hold_for_their_scan_and_refusals_for_others_too(tmp_path):
    asked = request(valid_for=60.0)
    async with serving(bill_of(tmp_path), Profile(blank=1.0)) as (url, vendor):
        async with client(url) as asking:
            first = await asking.ask(asked, Finding)
            again = await asking.ask(asked, Finding)
        vendor.profile = Profile(refused=1.0)
        async with client(url, "another") as asking:
            refused = await asking.ask(asked, Finding)
        vendor.profile = Profile()
        async with client(url, "a third") as asking:
            third = await asking.ask(asked, Finding)

    assert (first.failure, again.failure, again.replayed) == (Failure.BLANK, Failure.BLANK, True)
    assert (refused.failure, refused.replayed) == (Failure.REFUSED, False)
    assert (third.failure, third.replayed) == (Failure.REFUSED, True)


async def test_what_costs_nothing_needs_no_account(tmp_path):
    from qe_plugins.llm.client.client import Client
    from qe_plugins.llm.providers.offline import Offline

    async with Client("scan-1", {"offline": Offline()}, settings=QUICK) as asking:
        asked = request(provider="offline", model="offline-rules")
        settled = await asking.ask(asked, Finding)

    assert (settled.failure, settled.usd, asking.stats.doubts) == (None, 0, {})
    assert settled.usage != Usage()
