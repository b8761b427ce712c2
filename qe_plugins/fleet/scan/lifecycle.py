"""Scan, resume, replay: the same tree over the same market, with or without calls."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import gc_tuning
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.yaml_reader import dump, parse
from qe_plugins.errors import FleetError, QeError
from qe_plugins.fleet import open_files
from qe_plugins.fleet.loader import CURRENCY, LoadedFleet
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.prompts.requests import RequestBuilder, headlines, refuse_short_lists
from qe_plugins.fleet.rank_models import addresses, providers, refuse_missing_keys, served
from qe_plugins.fleet.scan import in_doubt, store, timings
from qe_plugins.fleet.scan.outcome import NodeOutcome, ScanResult, answer_hash
from qe_plugins.fleet.scan.publish import message
from qe_plugins.fleet.scan.runner import ScanRunner, Watch, import_ahead, unless_stopped, watched
from qe_plugins.fleet.scan.store import Engine, ParentDecision, ScanDescription, ScanFolder
from qe_plugins.fleet.settings import Calls, Fleet
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.fleet.tasks.snapshot_process import LARGE, SnapshotReader, import_sdk
from qe_plugins.fleet.tree import LEVELS, Level, Node, tree_of
from qe_plugins.llm.client.client import Client, ClientSettings
from qe_plugins.llm.ledger import Ledger, ScanUsage
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.providers.base import Provider
from qe_plugins.llm.providers.offline import Offline
from qe_plugins.llm.providers.registry import is_remote, open_providers
from qe_plugins.llm.settings import ClientStats

LOG = logging.getLogger(__name__)


class Scan(msgspec.Struct, frozen=True):
    """A scan that can be run: its folder, what it was asked to do, and the market it looks at."""

    scan_id: str
    folder: ScanFolder
    fleet: Fleet
    questions: RequestBuilder
    engine: Engine = "local"


def begin(
    loaded: LoadedFleet, engine: Engine = "local", reader: SnapshotReader | None = None
) -> Scan:
    """Return a new scan, described on disk before its first call.

    A `reader` that was started before has read the market meanwhile. Raises FleetError where a
    coordinator has fewer tasks than workers, ModelError where a key is missing.
    """
    refuse_missing_keys(loaded.fleet)
    with store.workshop() as place:
        market = _market(loaded, place, reader)
        timings.mark("market")
        news = headlines(loaded.fleet, market)
        asked = RequestBuilder(loaded.fleet, market, news)
        refuse_short_lists(loaded, asked)
        started, name = datetime.now(UTC), loaded.fleet.name
        description = ScanDescription(
            name=name, started=started, fleet=loaded.resolved, news=news, engine=engine
        )
        scan_id, folder = store.keep(place, description)
    timings.mark("tasks")
    return Scan(scan_id, folder, loaded.fleet, asked, engine)


def _market(loaded: LoadedFleet, place: Path, reader: SnapshotReader | None) -> MarketSnapshot:
    """Return the market, kept at `place`; a large fleet has it read by a process of its own."""
    if tree_of(loaded.fleet).size > LARGE:
        reader = reader or SnapshotReader(loaded)
        import_sdk(loaded.fleet)
        reader.save(place)
        return MarketSnapshot.saved(place)
    from qe_plugins.fleet.tasks import snapshot_loader

    market = snapshot_loader.open_market(loaded)
    market.save(place)
    return market


def reopen(text: str) -> Scan:
    """Return a scan that was begun before, as it was. Raises FleetError for an unknown one."""
    scan_id, folder = store.find(text)
    description = folder.description()
    fleet: Fleet = Decoder(CURRENCY).decode(
        Fleet, parse(dump(description.fleet), lambda line: f"{scan_id}, {store.DESCRIPTION}")
    )
    market = MarketSnapshot.saved(folder.place)
    asked = RequestBuilder(fleet, market, description.news)
    return Scan(scan_id, folder, fleet, asked, description.engine)


def run(
    scan: Scan, *, replay: bool = False, watch: Watch | None = None, stop: StopRequest | None = None
) -> ScanResult:
    """Run a scan to its end and return what came of it; a replay calls nobody and keeps nothing.

    Raises ReplayMiss where a replay lacks an answer, ModelError where a key or a price is missing,
    FleetError where another process runs it, and Stopped once `stop` is requested.
    """
    with nullcontext() if replay else scan.folder.alone():
        if not replay:
            in_doubt.take_up(scan)
        result, outcomes = on_a_fast_loop(
            _run(scan, replay=replay, speak=not replay, watch=watch, stop=stop)
        )
        if not replay:
            scan.folder.finish(result, outcomes)
    return result


def gather(scan: Scan, decisions: Sequence[ParentDecision], seconds: float) -> ScanResult:
    """Return what came of a scan that others ran: from its decisions and the ledger, with no call.

    It is kept, and coordinators that have not spoken yet do. Whoever comes second is told what was
    kept. Raises ReplayMiss where the ledger here lacks an answer that was decided with.
    """
    with scan.folder.finishing():
        return scan.folder.result() or _gathered(scan, decisions, seconds)


def _gathered(scan: Scan, decisions: Sequence[ParentDecision], seconds: float) -> ScanResult:
    scan.folder.decide(decisions)
    in_doubt.settle_old(scan)
    result, outcomes = on_a_fast_loop(_run(scan, replay=True, speak=True))
    with Ledger() as ledger:
        sent = ledger.sent(scan.scan_id)
    result = msgspec.structs.replace(
        result,
        calls_sent=sent.calls,
        calls_paid=sent.paid,
        calls_replayed=result.asked - sent.requests,
        usd=sent.usd,
        in_doubt=sent.in_doubt,
        seconds=seconds,
    )
    scan.folder.finish(result, outcomes)
    return result


def unfinished(text: str) -> Scan:
    """Return a scan that died. Raises FleetError for one that has finished."""
    scan = reopen(text)
    if scan.folder.result() is not None:
        raise FleetError(
            "has finished: there is nothing to resume.",
            where=f"scan {scan.scan_id}",
            hint="`qe fleet show` prints what came of it, `qe fleet replay` runs it again.",
        )
    return scan


def client_of(scan: Scan, *, replay: bool = False, company: bool = False) -> Client:
    """Return a client that asks for a scan, to be closed; in a replay it makes no call.

    In `company` other processes ask for the same scan. Raises ModelError where a key or a price is
    missing.
    """
    opened = _opened(scan.fleet, replay=replay)
    calls = scan.fleet.calls
    if not replay:
        known = price_list()
        terms = {name: known.provider(name) for name in opened}
        urls = scan.fleet.base_urls
        most = [one.concurrency for name, one in terms.items() if is_remote(name, one, urls)]
        fewer = open_files.fitting(calls.concurrency, most)
        calls = msgspec.structs.replace(calls, concurrency=fewer)
    settings = _settings(calls, replay=replay, company=company)
    return Client(scan.scan_id, opened, budgets=scan.fleet.budgets, settings=settings)


def publish(bus: Outbox, scan: Scan, node: Node, outcome: NodeOutcome) -> None:
    """Publish what a coordinator came to, once however often it is said."""
    bus.publish(message(scan.scan_id, scan.questions.role(node), outcome))


async def _run(
    scan: Scan,
    *,
    replay: bool,
    speak: bool,
    watch: Watch | None = None,
    stop: StopRequest | None = None,
) -> tuple[ScanResult, list[NodeOutcome]]:
    with Outbox() as bus:
        async with client_of(scan, replay=replay) as client:
            timings.mark("providers")

            def heard(node: Node, outcome: NodeOutcome) -> None:
                if speak:
                    publish(bus, scan, node, outcome)

            decisions = scan.folder.decisions(keep=not replay)
            before = client.ledger.sent(scan.scan_id)
            runtime = ScanRunner(scan.fleet, scan.questions, client, decisions, heard=heard)
            try:
                ahead = None if replay else import_ahead
                async with watched(watch, runtime, client), watched(ahead, runtime, client):
                    await unless_stopped(runtime, stop or StopRequest())
                    seconds = runtime.seconds()
            except (Stopped, QeError) as error:
                await _drained(client, error)
                raise
            timings.mark("scan")
            result = result_of(scan, runtime.in_order(), client.stats, seconds, 0)
            result = with_reason(result, client.ledger)
            result = result if replay else whole_of(result, before, client.ledger)
        messages = len(bus.read(scan=scan.scan_id))
    return msgspec.structs.replace(result, messages=messages), runtime.in_order()


async def _drained(client: Client, error: Exception) -> None:
    """Wait for the calls in flight, where they are all that is wrong: they are paid for."""
    if not isinstance(error, Stopped) and client.halt is None:
        return
    LOG.warning("stopping once %d calls in flight have ended", client.stats.in_flight)
    await client.drain()


def _opened(fleet: Fleet, *, replay: bool) -> dict[str, Provider]:
    """Return the providers of a scan; a replay needs no key, since it makes no call."""
    names = providers(fleet, price_list())
    if replay:
        return {name: Offline() for name in names}
    for name, place in addresses(fleet).items():
        if place.source.endswith("_BASE_URL"):
            LOG.warning("provider %s is asked at %s, as %s says", name, place.url, place.source)
    late = names - {served(fleet, Level.WORKER, price_list())[0]}
    return open_providers(names, base_urls=fleet.base_urls, late=late)


def _settings(calls: Calls, *, replay: bool, company: bool) -> ClientSettings:
    return ClientSettings(
        concurrency=calls.concurrency,
        timeout=calls.timeout,
        retries=calls.retries,
        hedge_share=calls.hedge_share,
        others=calls.timeout if company else 0.0,
        replay=replay,
    )


def on_a_fast_loop[T](work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop, which Windows does not have."""
    fast = importlib.import_module("uvloop") if sys.platform != "win32" else asyncio
    with gc_tuning.relaxed_gc(), asyncio.Runner(loop_factory=fast.new_event_loop) as runner:
        return runner.run(work)


def result_of(
    scan: Scan, outcomes: list[NodeOutcome], stats: ClientStats, seconds: float, messages: int
) -> ScanResult:
    """Return what came of a scan: the `outcomes` of all nodes, the desk's first."""
    desk = outcomes[0]
    whole = desk.aggregate
    assert whole is not None
    workers = [one for one in outcomes if _level(one) is Level.WORKER]
    missing = Counter(one.missing for one in workers if one.missing is not None)
    return ScanResult(
        scan_id=scan.scan_id,
        name=scan.fleet.name,
        provider=scan.fleet.provider,
        nodes=len(outcomes),
        asked=stats.asked,
        calls_paid=stats.paid,
        calls_sent=stats.sent,
        calls_replayed=stats.replayed,
        failures=dict(sorted(missing.items())),
        coverage=round(whole.coverage, 6),
        effective=round(whole.effective, 3),
        quorum=desk.missing is None,
        quorums=_quorums(outcomes),
        usd=stats.usd,
        seconds=round(seconds, 3),
        score=whole.score,
        answer=desk.answer,
        answer_sha256=answer_hash(outcomes),
        messages=messages,
        as_of=scan.questions.as_of,
        masked=scan.fleet.mask_market,
        refused=dict(sorted(stats.refused.items())),
        doubts=dict(sorted(stats.doubts.items())),
    )


def _quorums(outcomes: list[NodeOutcome]) -> dict[str, str]:
    """Return, by rank, how many parents had their quorum, such as `25/25`."""
    found: dict[str, list[bool]] = {level.value: [] for level in LEVELS[:-1]}
    for one in outcomes:
        if (level := _level(one)) is not Level.WORKER:
            found[level.value].append(one.missing is None)
    return {level: f"{sum(met)}/{len(met)}" for level, met in found.items()}


def _level(outcome: NodeOutcome) -> Level:
    return LEVELS[0 if outcome.node == Level.DESK else outcome.node.count(".") + 1]


def whole_of(result: ScanResult, before: ScanUsage, ledger: Ledger) -> ScanResult:
    """Return a result with what all processes that ran the scan sent and paid.

    `before` is what the scan had sent when this process took it up.
    """
    sent = ledger.sent(result.scan_id)
    return msgspec.structs.replace(
        result,
        calls_sent=sent.calls,
        calls_paid=sent.paid,
        calls_replayed=max(result.calls_replayed - before.settled, 0),
        usd=sent.usd,
        in_doubt=sent.in_doubt,
    )


def with_reason(result: ScanResult, ledger: Ledger) -> ScanResult:
    """Return a result with the commonest reason why an answer is missing."""
    known = ledger.reasons(result.scan_id) if result.failures or not result.quorum else []
    total = sum(often for _, _, often in known)
    for failure, detail, often in known[:1]:
        reason = f"{detail or failure} ({often:,} of {total:,})"
        return msgspec.structs.replace(result, reason=reason)
    return result
