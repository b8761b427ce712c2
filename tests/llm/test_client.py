"""The client against a vendor over real sockets, by the vendors' own SDKs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from qe_plugins.errors import ModelError, ReplayMiss
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.pricing.price_list import price_list, worst_case
from qe_plugins.llm.requests import Failure, request_key
from qe_plugins.llm.settings import Budgets
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.server import serving
from tests.fakes.model_server.tariff import dearness
from tests.llm.asks import KEY, QUICK, Finding, anthropics, ask_all, bill_of, client, request

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("asked", [request, anthropics], ids=["openai", "anthropic"])


@BOTH
async def test_an_answer_is_typed_priced_and_paid_for_once(asked, tmp_path):
    async with serving(bill_of(tmp_path)) as (url, _), client(url) as asking:
        settled = await asking.ask(asked(), Finding)

    finding = settled.typed(Finding)
    assert isinstance(finding, Finding)
    assert (settled.failure, settled.attempts, settled.replayed) == (None, 1, False)
    assert settled.usd == bill.total(bill_of(tmp_path)) > 0
    assert settled.usage.output == bill.paid(bill_of(tmp_path))[0].output


@BOTH
async def test_tokens_from_the_cache_are_counted_and_cheaper(asked, tmp_path):
    async with serving(bill_of(tmp_path)) as (url, _), client(url) as asking:
        first = await asking.ask(asked(1), Finding)
        second = await asking.ask(asked(2), Finding)

    assert first.usage.cached == 0 < second.usage.cached
    assert second.usd < first.usd
    assert first.usd + second.usd == bill.total(bill_of(tmp_path))


async def test_thinking_is_turned_off(tmp_path):
    async with serving(bill_of(tmp_path)) as (url, _), client(url) as asking:
        settled = await asking.ask(request(), Finding)

    assert settled.usage.output < 100


async def test_the_same_request_is_never_paid_twice_in_a_scan(tmp_path):
    async with serving(bill_of(tmp_path)) as (url, _):
        async with client(url) as asking:
            at_once = await asyncio.gather(*(asking.ask(request(), Finding) for _ in range(5)))
            again = await asking.ask(request(node="desk/9"), Finding)
        async with client(url) as resumed:
            later = await resumed.ask(request(), Finding)

    assert len(bill.lines(bill_of(tmp_path))) == 1
    assert {one.answer for one in (*at_once, again, later)} == {at_once[0].answer}
    assert again.replayed
    assert later.replayed


async def test_another_scan_uses_an_answer_while_it_is_valid(tmp_path):
    async with serving(bill_of(tmp_path)) as (url, _):
        for scan in ("scan-1", "scan-2"):
            async with client(url, scan) as asking:
                await asking.ask(request(1, valid_for=60.0), Finding)
                await asking.ask(request(2), Finding)

    assert len(bill.lines(bill_of(tmp_path))) == 3


async def test_a_replay_makes_no_call_and_gives_the_same_answers(tmp_path):
    requests = [request(n) for n in range(20)]
    profile = Profile(invalid=0.3, refused=0.2, rate_limited=0.1)
    async with serving(bill_of(tmp_path), profile) as (url, _), client(url) as asking:
        asked = await ask_all(asking, requests)
    paid = bill_of(tmp_path).read_bytes()

    replay = msgspec.structs.replace(QUICK, replay=True)
    async with client("http://127.0.0.1:9", settings=replay) as replaying:
        replayed = await ask_all(replaying, requests)

    assert [msgspec.structs.replace(one, replayed=True) for one in asked] == replayed
    assert {one.failure for one in replayed} > {None}
    assert bill_of(tmp_path).read_bytes() == paid


async def test_a_replay_refuses_what_was_never_asked(tmp_path):
    replay = msgspec.structs.replace(QUICK, replay=True)
    async with client("http://127.0.0.1:9", settings=replay) as replaying:
        with pytest.raises(ReplayMiss, match="never answered"):
            await replaying.ask(request(), Finding)


@BOTH
@pytest.mark.parametrize("fault", ["blank", "invalid", "prose"])
async def test_a_useless_answer_is_paid_repaired_once_and_then_rejected(asked, fault, tmp_path):
    always = Profile(**{fault: 1.0})
    async with serving(bill_of(tmp_path), always) as (url, _), client(url) as asking:
        settled = await asking.ask(asked(), Finding)
        again = await asking.ask(asked(), Finding)

    assert settled.failure is (Failure.BLANK if fault == "blank" else Failure.INVALID)
    assert settled.answer is None
    assert settled.attempts == len(bill.paid(bill_of(tmp_path))) == 2
    assert settled.usd == bill.total(bill_of(tmp_path))
    assert again.replayed


async def test_a_repair_tells_the_model_what_was_wrong(tmp_path):
    once = Profile(invalid=1.0, first_only=True)
    async with serving(bill_of(tmp_path), once) as (url, _), client(url) as asking:
        settled = await asking.ask(request(), Finding)

    first, second = bill.lines(bill_of(tmp_path))
    assert settled.failure is Failure.INVALID
    assert first.request != second.request
    assert second.input > first.input


@BOTH
async def test_a_refusal_is_paid_and_final(asked, tmp_path):
    async with serving(bill_of(tmp_path), Profile(refused=1.0)) as (url, _), client(url) as asking:
        settled = await asking.ask(asked(), Finding)

    assert (settled.failure, settled.attempts) == (Failure.REFUSED, 1)
    assert settled.usd == bill.total(bill_of(tmp_path)) > 0


@BOTH
@pytest.mark.parametrize("fault", ["rate_limited", "unavailable"])
async def test_being_turned_away_costs_nothing_and_is_tried_again(asked, fault, tmp_path):
    once = Profile(**{fault: 1.0, "first_only": True})
    async with serving(bill_of(tmp_path), once) as (url, _), client(url) as asking:
        settled = await asking.ask(asked(), Finding)

    assert (settled.failure, settled.attempts) == (None, 2)
    assert settled.usd == bill.total(bill_of(tmp_path))


async def test_a_provider_that_says_when_to_come_back_is_left_alone_until_then(tmp_path):
    once = Profile(rate_limited=1.0, first_only=True, retry_after=0.6)
    async with serving(bill_of(tmp_path), once) as (url, _), client(url) as asking:
        began = asyncio.get_running_loop().time()
        settled = await asking.ask(request(), Finding)

    assert settled.failure is None
    assert asyncio.get_running_loop().time() - began >= 0.6  # and not the 0.01 of the settings


@BOTH
@pytest.mark.parametrize("fault", ["cut", "unmetered", "garbled"])
async def test_an_answer_in_pieces_counts_at_worst_case_and_is_tried_again(asked, fault, tmp_path):
    once = Profile(**{fault: 1.0, "first_only": True})
    async with serving(bill_of(tmp_path), once) as (url, _), client(url) as asking:
        settled = await asking.ask(asked(), Finding)

    assert (settled.failure, settled.attempts) == (None, 2)
    assert settled.usd > bill.total(bill_of(tmp_path))


async def test_a_call_that_takes_too_long_counts_at_worst_case(tmp_path):
    hurried = msgspec.structs.replace(QUICK, timeout=0.05)
    slow = Profile(stalled=1.0, stall=0.5)
    async with (
        serving(bill_of(tmp_path), slow) as (url, _),
        client(url, settings=hurried) as asking,
    ):
        settled = await asking.ask(request(), Finding)
        async with asyncio.timeout(60):
            while not bill.total(bill_of(tmp_path)):
                await asyncio.sleep(0.01)

    assert (settled.failure, settled.attempts) == (Failure.TIMEOUT, 2)
    assert settled.usd >= bill.total(bill_of(tmp_path)) > 0


async def test_a_late_answer_is_dropped_by_its_scan_and_kept_for_others(tmp_path):
    loop = asyncio.get_running_loop()
    async with serving(bill_of(tmp_path), Profile(latency=2.0)) as (url, _):
        async with client(url) as asking:
            late = await asking.ask(request(valid_for=60.0), Finding, deadline=loop.time() + 1.0)
            while asking.stats.answered == 0:
                await asyncio.sleep(0.01)
        replay = msgspec.structs.replace(QUICK, replay=True)
        async with client(url, settings=replay) as replaying:
            replayed = await replaying.ask(request(valid_for=60.0), Finding)
        async with client(url, "scan-2") as other:
            found = await other.ask(request(valid_for=60.0), Finding)

    assert late.failure is replayed.failure is Failure.LATE
    assert found.failure is None
    assert len(bill.lines(bill_of(tmp_path))) == 1


async def test_a_call_not_sent_by_the_deadline_is_never_sent(tmp_path):
    loop = asyncio.get_running_loop()
    one_by_one = msgspec.structs.replace(QUICK, concurrency=1)
    async with (
        serving(bill_of(tmp_path), Profile(latency=0.1)) as (url, _),
        client(url, settings=one_by_one) as asking,
    ):
        deadline = loop.time() + 0.25
        settled = await asyncio.gather(
            *(asking.ask(request(n), Finding, deadline=deadline) for n in range(20))
        )
        await asyncio.sleep(0.3)
        sent = asking.stats.sent

    assert sum(one.failure is Failure.LATE for one in settled) >= 17
    assert sent == len(bill.lines(bill_of(tmp_path))) <= 4


async def test_an_ask_that_is_cancelled_at_any_moment_gives_its_place_back(tmp_path):
    hedging = msgspec.structs.replace(QUICK, concurrency=1, hedge_share=0.1)
    async with (
        serving(bill_of(tmp_path), Profile(latency=0.02)) as (url, _),
        client(url, settings=hedging) as asking,
    ):
        for turns in range(30):
            leaving = asyncio.create_task(asking.ask(request(turns), Finding))
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
        settled = await asyncio.wait_for(asking.ask(request(99), Finding), timeout=20)

    assert settled.failure is None


async def test_an_asker_that_is_cancelled_leaves_the_others_their_answer(tmp_path):
    async with serving(bill_of(tmp_path), Profile(latency=0.1)) as (url, _), client(url) as asking:
        leaving, staying = (asyncio.create_task(asking.ask(request(), Finding)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        settled = await staying

    assert settled.failure is None
    assert leaving.cancelled()


async def test_a_straggler_gets_a_second_call_beside_it(tmp_path):
    profile = Profile(stalled=0.05, stall=20.0, latency=0.01)
    keen = msgspec.structs.replace(QUICK, timeout=30.0, hedge_share=0.2, hedge_least=0.1)
    async with (
        serving(bill_of(tmp_path), profile) as (url, _),
        client(url, settings=keen) as asking,
        asyncio.timeout(15),
    ):
        settled = await ask_all(asking, [request(n) for n in range(150)])
        stats = asking.stats

    assert {one.failure for one in settled} == {None}
    assert 0 < stats.hedged < 30
    assert stats.sent == 150 + stats.hedged


async def test_a_scan_stops_within_its_budget_and_close_to_it(tmp_path):
    limit = Decimal("0.003") * dearness("deepseek-flash")
    async with (
        serving(bill_of(tmp_path), Profile(latency=0.02)) as (url, _),
        client(url, budgets=Budgets(scan=limit)) as asking,
    ):
        settled = await ask_all(asking, [request(n) for n in range(200)])

    spent = bill.total(bill_of(tmp_path))
    assert limit * Decimal("0.8") < spent <= limit
    assert {one.failure for one in settled} == {None, Failure.BUDGET}


async def test_a_rank_and_a_call_have_budgets_of_their_own(tmp_path):
    budgets = Budgets(call=Decimal("0.002"), ranks={"worker": Decimal("0.000001")})
    async with serving(bill_of(tmp_path)) as (url, _), client(url, budgets=budgets) as asking:
        worker = await asking.ask(request(), Finding)
        captain = await asking.ask(request(rank="captain"), Finding)
        long = await asking.ask(request(rank="captain", max_tokens=8_000), Finding)

    assert worker.failure is Failure.BUDGET
    assert captain.failure is None
    assert long.failure is Failure.BUDGET


async def test_a_days_budget_holds_for_every_scan_and_process(tmp_path):
    limit = Decimal("0.002") * dearness("deepseek-flash")
    budgets = Budgets(day=limit)
    async with serving(bill_of(tmp_path), Profile(latency=0.01)) as (url, _):
        for scan in ("one", "two"):
            async with client(url, scan, budgets=budgets) as asking:
                await ask_all(asking, [request(n + 100 * (scan == "two")) for n in range(60)])

    spent = bill.total(bill_of(tmp_path))
    assert limit * Decimal("0.8") < spent <= limit


@pytest.mark.parametrize(("others", "failure"), [(5.0, None), (0.0, Failure.BUDGET)])
async def test_money_that_another_process_holds_is_waited_for_where_there_are_others(
    others, failure, tmp_path
):
    worst = worst_case(price_list(), request(), datetime.now(UTC), timedelta(seconds=5))
    budgets = Budgets(day=worst * Decimal("1.6"))  # one call in flight, or two that are settled
    patient = msgspec.structs.replace(QUICK, others=others)
    async with (
        serving(bill_of(tmp_path), Profile(latency=0.4, output_tokens=30)) as (url, _),
        client(url, "one", budgets=budgets) as first,
        client(url, "two", budgets=budgets, settings=patient) as second,
    ):
        holding = asyncio.create_task(first.ask(request(1), Finding))
        while not first.stats.sent:
            await asyncio.sleep(0.01)
        settled = await second.ask(request(2), Finding)
        assert (await holding).failure is None

    assert settled.failure is failure
    assert bill.total(bill_of(tmp_path)) <= budgets.day


async def test_a_crowded_vendor_is_not_stormed(tmp_path):
    async with (
        serving(bill_of(tmp_path), Profile(latency=0.05, slots=20)) as (url, vendor),
        client(url) as asking,
    ):
        settled = await ask_all(asking, [request(n) for n in range(200)])

    assert vendor.most_busy <= 20
    assert sum(one.failure is None for one in settled) > 150  # the rest ran out of retries


async def test_the_ledger_knows_every_call_and_its_cost(tmp_path):
    faults = Profile(invalid=0.1, rate_limited=0.1, refused=0.1)
    async with serving(bill_of(tmp_path), faults) as (url, _), client(url) as asking:
        await ask_all(asking, [request(n) for n in range(60)])
    with Ledger() as ledger:
        (workers,) = ledger.costs("rank")
        (day,) = ledger.costs("day")
        exact = ledger.request(request_key(request(7)))

    assert workers.usd == day.usd == bill.total(bill_of(tmp_path))
    assert workers.calls == len(bill.lines(bill_of(tmp_path)))
    assert (workers.group, workers.open) == ("worker", 0)
    assert exact == request(7, rank="", role="", node="", task_id="")


async def test_a_wrong_key_is_a_typed_failure_that_does_not_show_it(tmp_path, caplog):
    caplog.set_level("DEBUG")
    async with (
        serving(bill_of(tmp_path), Profile(key="another")) as (url, _),
        client(url) as asking,
    ):
        settled = [
            await asking.ask(request(), Finding),
            await asking.ask(anthropics(), Finding),
        ]
    written = b"".join(file.read_bytes() for file in (tmp_path / "home").iterdir())

    assert {one.failure for one in settled} == {Failure.BAD_REQUEST}
    assert "<key>" in settled[0].detail
    assert KEY not in repr(settled) + caplog.text
    assert KEY.encode() not in written


async def test_a_provider_that_is_not_open_is_named(tmp_path):
    async with client("http://127.0.0.1:9") as asking:
        with pytest.raises(ModelError, match="offline"):
            await asking.ask(request(provider="offline"), Finding)


async def test_a_dead_provider_is_left_alone():
    settings = msgspec.structs.replace(QUICK, patience=0.1, retries=1)
    async with client("http://127.0.0.1:9", settings=settings) as asking:
        settled = await ask_all(asking, [request(n) for n in range(100)])
        sent = asking.stats.sent

    assert {one.failure for one in settled} <= {Failure.SERVER, Failure.CIRCUIT_OPEN}
    spared = [one.detail for one in settled if one.failure is Failure.CIRCUIT_OPEN]
    assert all(one.startswith("the provider only fails: not reached") for one in spared)
    assert {one.usd for one in settled} == {0}
    assert sent <= 200
