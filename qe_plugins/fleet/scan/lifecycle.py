"""Begin, resume, run and replay a scan, and build its result."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import gc_tuning
from qe_plugins.errors import FleetError, Halted, QeError
from qe_plugins.fleet import open_files
from qe_plugins.fleet.loader import LoadedFleet, resolved_fleet
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.prompts.requests import RequestBuilder, outside_texts, refuse_short_lists
from qe_plugins.fleet.rank_models import (
    addresses,
    provider_and_model,
    providers,
    refuse_unusable_providers,
)
from qe_plugins.fleet.scan import in_doubt, store, timings
from qe_plugins.fleet.scan.outcome import NodeOutcome, ScanResult
from qe_plugins.fleet.scan.publish import message
from qe_plugins.fleet.scan.results import build_result, with_reason, with_totals
from qe_plugins.fleet.scan.runner import ScanRunner
from qe_plugins.fleet.scan.store import Engine, ParentDecision, ScanDescription, ScanFolder
from qe_plugins.fleet.scan.watchers import Watcher, import_ahead, run_until_stopped, with_watcher
from qe_plugins.fleet.settings import Calls, Fleet
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.fleet.tasks import snapshot_process
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.fleet.tasks.snapshot_process import SnapshotReader, import_worker_sdk
from qe_plugins.fleet.tree import Level, Node
from qe_plugins.halt.latch import refuse_if_halted
from qe_plugins.llm.client.client import Client, ClientSettings
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.pricing.price_list import price_list
from qe_plugins.llm.providers.base import Provider
from qe_plugins.llm.providers.offline import Offline
from qe_plugins.llm.providers.registry import is_remote, open_providers

LOG = logging.getLogger(__name__)


class Scan(msgspec.Struct, frozen=True):
    """A scan that can be run: its folder, its fleet, and the requests of its nodes."""

    scan_id: str
    folder: ScanFolder
    fleet: Fleet
    requests: RequestBuilder
    engine: Engine = "local"


def begin(
    loaded: LoadedFleet, engine: Engine = "local", reader: SnapshotReader | None = None
) -> Scan:
    """Return a new scan; its folder is complete before the first call.

    `reader` is a process that was started earlier to read the market; it is ended here. Raises
    FleetError where a coordinator has fewer tasks than workers, ModelError where a key is missing,
    Halted while trading is halted.
    """
    with reader or snapshot_process.reader(loaded) or nullcontext() as reading:
        return _begin(loaded, engine, reading)


def _begin(loaded: LoadedFleet, engine: Engine, reader: SnapshotReader | None) -> Scan:
    refuse_if_halted()
    refuse_unusable_providers(loaded.fleet)
    with store.staging() as folder:
        market = _load_market(loaded, folder, reader)
        timings.mark("market")
        news = outside_texts(loaded.fleet, market.as_of)
        requests = RequestBuilder(loaded.fleet, market, news)
        refuse_short_lists(loaded, requests)
        started, name = datetime.now(UTC), loaded.fleet.name
        description = ScanDescription(
            name=name, started=started, fleet=loaded.resolved, news=news, engine=engine
        )
        scan_id, committed = store.commit(folder, description)
    timings.mark("tasks")
    return Scan(scan_id, committed, loaded.fleet, requests, engine)


def _load_market(
    loaded: LoadedFleet, folder: Path, reader: SnapshotReader | None
) -> MarketSnapshot:
    """Return the market, saved in `folder`; for a large fleet another process reads it."""
    if reader is not None:
        import_worker_sdk(loaded.fleet)
        reader.save(folder)
        return MarketSnapshot.load(folder)
    from qe_plugins.fleet.tasks import snapshot_loader

    market = snapshot_loader.open_market(loaded)
    market.save(folder)
    return market


def reopen(text: str) -> Scan:
    """Return an existing scan with its stored inputs. Raises FleetError for an unknown one."""
    scan_id, folder = store.find(text)
    description = folder.description()
    fleet = fleet_of(scan_id, description)
    market = MarketSnapshot.load(folder.path)
    requests = RequestBuilder(fleet, market, description.news)
    return Scan(scan_id, folder, fleet, requests, description.engine)


def fleet_of(scan_id: str, description: ScanDescription) -> Fleet:
    """Return the fleet of a scan as its folder describes it."""
    return resolved_fleet(description.fleet, f"{scan_id}, {store.DESCRIPTION}").fleet


def run(
    scan: Scan,
    *,
    replay: bool = False,
    watch: Watcher | None = None,
    stop: StopRequest | None = None,
) -> ScanResult:
    """Run a scan to its end and return its result; a replay makes no call and writes nothing.

    Raises ReplayMiss where a replay lacks an answer, ModelError where a key or a price is missing,
    FleetError where another process runs it, Stopped once `stop` is requested, and Halted once
    trading is halted.
    """
    if not replay:
        refuse_if_halted()
    with nullcontext() if replay else scan.folder.exclusive():
        if not replay:
            in_doubt.settle_previous(scan)
        result, outcomes = run_on_uvloop(
            _run_tree(scan, replay=replay, publishes=not replay, watch=watch, stop=stop)
        )
        if not replay:
            scan.folder.finish(result, outcomes)
    return result


def collect(scan: Scan, decisions: Sequence[ParentDecision], seconds: float) -> ScanResult:
    """Return the result of a scan that other processes ran, from its decisions and the ledger.

    No call is made. The result is stored, and coordinators without a message publish one; a second
    caller gets the stored result. Raises ReplayMiss where the ledger here lacks an answer.
    """
    with scan.folder.finishing():
        return scan.folder.result() or _collect_result(scan, decisions, seconds)


def _collect_result(scan: Scan, decisions: Sequence[ParentDecision], seconds: float) -> ScanResult:
    scan.folder.replace_decisions(decisions)
    in_doubt.settle_expired(scan)
    result, outcomes = run_on_uvloop(_run_tree(scan, replay=True, publishes=True))
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


def reopen_unfinished(text: str) -> Scan:
    """Return a scan that was interrupted. Raises FleetError for one that has finished."""
    scan = reopen(text)
    if scan.folder.result() is not None:
        raise FleetError(
            "has finished: there is nothing to resume.",
            where=f"scan {scan.scan_id}",
            hint="`qe fleet show` prints its result, `qe fleet replay` runs it again.",
        )
    return scan


def open_client(scan: Scan, *, replay: bool = False, shared: bool = False) -> Client:
    """Return a client for the calls of a scan, to be closed; in a replay it makes none.

    `shared` says that other processes make calls for the same scan. Raises ModelError where a key
    or a price is missing.
    """
    return client_for(scan.scan_id, scan.fleet, replay=replay, shared=shared)


def client_for(
    scan_id: str,
    fleet: Fleet,
    *,
    replay: bool = False,
    shared: bool = False,
    opened: dict[str, Provider] | None = None,
) -> Client:
    """Return a client for the calls of a fleet under an id; see `open_client`.

    `opened` are its providers, by default those of the fleet's ranks.
    """
    opened = _open_providers(fleet, replay=replay) if opened is None else opened
    calls = fleet.calls
    if not replay:
        known = price_list()
        terms, urls = {name: known.provider(name) for name in opened}, fleet.base_urls
        limits = [one.concurrency for name, one in terms.items() if is_remote(name, one, urls)]
        fewer = open_files.fit_concurrency(calls.concurrency, limits)
        calls = msgspec.structs.replace(calls, concurrency=fewer)
    settings = _client_settings(calls, replay=replay, shared=shared)
    return Client(scan_id, opened, budgets=fleet.budgets, settings=settings)


def publish(bus: Outbox, scan: Scan, node: Node, outcome: NodeOutcome) -> None:
    """Publish a coordinator's outcome; publishing the same outcome again has no effect."""
    bus.publish(message(scan.scan_id, scan.requests.role(node), outcome))


async def _run_tree(
    scan: Scan,
    *,
    replay: bool,
    publishes: bool,
    watch: Watcher | None = None,
    stop: StopRequest | None = None,
) -> tuple[ScanResult, list[NodeOutcome]]:
    with Outbox() as bus:
        async with open_client(scan, replay=replay) as client:
            timings.mark("providers")

            def on_coordinator(node: Node, outcome: NodeOutcome) -> None:
                if publishes:
                    publish(bus, scan, node, outcome)

            decisions = scan.folder.decisions(write=not replay)
            before = client.ledger.sent(scan.scan_id)
            runner = ScanRunner(
                scan.fleet, scan.requests, client, decisions, on_coordinator=on_coordinator
            )
            try:
                ahead = None if replay else import_ahead
                async with with_watcher(watch, runner, client), with_watcher(ahead, runner, client):
                    await run_until_stopped(
                        runner, stop or StopRequest(), None if replay else client.latch
                    )
                    seconds = runner.seconds()
            except (Stopped, QeError) as error:
                await _drain_in_flight(client, error)
                raise
            timings.mark("scan")
            result = build_result(scan, runner.outcomes_in_order(), client.stats, seconds, 0)
            result = with_reason(result, client.ledger)
            result = result if replay else with_totals(result, before, client.ledger)
        messages = len(bus.read(scan=scan.scan_id))
    return msgspec.structs.replace(result, messages=messages), runner.outcomes_in_order()


async def _drain_in_flight(client: Client, error: Exception) -> None:
    """Wait for the calls in flight, which are paid for, where none of them failed the scan."""
    if not isinstance(error, Stopped | Halted) and client.halt is None:
        return
    LOG.warning("stopping once %d calls in flight have ended", client.stats.in_flight)
    await client.drain()


def _open_providers(fleet: Fleet, *, replay: bool) -> dict[str, Provider]:
    """Return the providers of a scan; a replay needs no key, since it makes no call."""
    names = providers(fleet, price_list())
    if replay:
        return {name: Offline() for name in names}
    for name, place in addresses(fleet).items():
        if place.source.endswith("_BASE_URL"):
            LOG.warning("provider %s is called at %s, from %s", name, place.url, place.source)
    late = names - {provider_and_model(fleet, Level.WORKER, price_list())[0]}
    return open_providers(names, base_urls=fleet.base_urls, late=late)


def _client_settings(calls: Calls, *, replay: bool, shared: bool) -> ClientSettings:
    return ClientSettings(
        concurrency=calls.concurrency,
        timeout=calls.timeout,
        retries=calls.retries,
        hedge_share=calls.hedge_share,
        others=calls.timeout if shared else 0.0,
        replay=replay,
    )


def run_on_uvloop[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop, or on asyncio's loop on Windows, which has no uvloop."""
    library = importlib.import_module("uvloop") if sys.platform != "win32" else asyncio
    with gc_tuning.relaxed_gc(), asyncio.Runner(loop_factory=library.new_event_loop) as runner:
        return runner.run(work)
