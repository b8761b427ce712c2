"""Record a fleet over history: at each decision point it is asked about the market as of then.

Every point has a scan of its own in the ledger, so an interrupted recording continues where it
stopped and pays no answer twice.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from statistics import fmean

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.prompts.answers import answer_type
from qe_plugins.fleet.prompts.files import captain_prompt
from qe_plugins.fleet.prompts.masking import MASK
from qe_plugins.fleet.prompts.requests import RequestBuilder
from qe_plugins.fleet.prompts.system import system_prompt
from qe_plugins.fleet.rank_models import refuse_unusable_providers
from qe_plugins.fleet.recording.as_of import HistoricMarket, requests_at
from qe_plugins.fleet.recording.estimate import price_of, refuse_dear
from qe_plugins.fleet.recording.points import decision_points, root_of
from qe_plugins.fleet.scan.lifecycle import Scan, open_client, run_on_uvloop
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.runner import ScanRunner
from qe_plugins.fleet.scan.store import DecisionLog, ScanFolder
from qe_plugins.fleet.scan.watchers import run_until_stopped
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.fleet.tree import LEVELS, Level, level_of, tree_of
from qe_plugins.halt.latch import refuse_if_halted
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.providers.offline import NAME as OFFLINE
from qe_plugins.llm.requests import Answer, schema_text
from qe_plugins.plugins.types import Role
from qe_plugins.recordings.folder import RecordingFolder, folder_of
from qe_plugins.recordings.pooling import opinions_of
from qe_plugins.recordings.records import (
    RAW,
    RecordedDecision,
    RecordedVote,
    RecordingInfo,
)

SECOND = 1_000_000_000

type OnDecision = Callable[[int, int, RecordedDecision], None]
"""Called with the number of points done, of all points, and the decision."""


class RecordingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to record: a fleet from `start` to before `end`, for at most `max_cost` USD."""

    name: str
    start: datetime
    end: datetime
    max_cost: Decimal | None = None


def refuse_before_data(loaded: LoadedFleet, order: RecordingOrder) -> int:
    """Return the number of decision points by the calendar, before any data is read.

    Raises FleetError where they cost more than allowed, or where no hunter is asked.
    """
    fleet = loaded.fleet
    if not any(one.desk is Role.HUNTER for one in fleet.coordinators):
        message = "a recording needs a coordinator with 'role: HUNTER', whose votes it keeps."
        raise loaded.error(message, "coordinators")
    points = decision_points(fleet.decisions, root_of(fleet.data), order.start, order.end)
    if not points:
        raise FleetError("there is no session from --start to --end.", where="recording")
    done = folder_of(order.name).decisions()
    spent = sum((one.usd for one in done.values()), Decimal(0))
    left = sum(at not in done for at in points)
    refuse_dear(price_of(fleet, left), order.max_cost, spent)
    return len(points)


def record(
    loaded: LoadedFleet,
    market: HistoricMarket,
    order: RecordingOrder,
    *,
    on_decision: OnDecision = lambda done, of, decision: None,
    stop: StopRequest | None = None,
) -> RecordingFolder:
    """Record the decisions that a recording lacks, and return its folder.

    Raises FleetError where the recording was begun with another configuration, mask or prompt, and
    where the next decision could exceed the cost allowed; Stopped and Halted as a scan does.
    """
    refuse_if_halted()
    place = folder_of(order.name)
    with place.exclusive():
        info = _description(loaded, market, order)
        _refuse_another(place, info)
        place.drop_partial_line()
        done = place.decisions()
        if not place.exists:
            place.write_info(info)
        refuse_unusable_providers(loaded.fleet)
        spent = sum((one.usd for one in done.values()), Decimal(0))
        each = price_of(loaded.fleet, 1)
        for number, at in enumerate(info.points, 1):
            if at in done:
                continue
            refuse_dear(each, order.max_cost, spent)
            decision = decide(loaded, market, place, at, stop or StopRequest())
            place.append(decision)
            spent += decision.usd
            on_decision(number, len(info.points), decision)
        place.write_info(with_served(info, place))
    return place


def _description(
    loaded: LoadedFleet, market: HistoricMarket, order: RecordingOrder
) -> RecordingInfo:
    fleet = loaded.fleet
    root = root_of(fleet.data)
    points = decision_points(fleet.decisions, root, order.start, order.end)
    fresh = _with_enough_bars(loaded, market, [at for at in points if market.is_fresh(at)])
    if not fresh:
        raise FleetError(
            f"none of {len(points)} decision points has enough bars in 'data:' before it.",
            where="recording",
            hint="Choose --start and --end within the data, after the longest window.",
        )
    return RecordingInfo(
        name=order.name,
        fleet=loaded.resolved,
        mask=MASK if fleet.mask_market else RAW,
        prompts=prompts_sha256(fleet),
        root=root,
        points=fresh,
        workers=tree_of(fleet).counts()[Level.WORKER],
    )


def _with_enough_bars(
    loaded: LoadedFleet, market: HistoricMarket, points: list[int]
) -> tuple[int, ...]:
    """Return the points from the first one on at which every worker has a task."""
    for number, at in enumerate(points):
        try:
            requests_at(loaded, market, at)
        except FleetError:
            continue
        return tuple(points[number:])
    return ()


def prompts_sha256(fleet: Fleet) -> str:
    """Return the SHA-256 over all fixed texts and answer types: another prompt, another answer."""
    digest = hashlib.sha256()
    for level in LEVELS:
        for role in (one for one in Role if one is not Role.SYSTEM):
            digest.update(system_prompt(level, role).encode())
            digest.update(schema_text(answer_type(level, role)).encode())
    for domain in sorted({one for each in fleet.coordinators for one in each.captains}):
        digest.update(captain_prompt(domain).encode())
    return digest.hexdigest()


def _refuse_another(place: RecordingFolder, info: RecordingInfo) -> None:
    """Raise FleetError where a recording of the name differs in what its answers depend on."""
    if not place.exists:
        return
    before = place.info()
    if before.sha256 == info.sha256:
        return
    names = (name for name in info.__struct_fields__ if name != "served")
    differs = [name for name in names if getattr(before, name) != getattr(info, name)]
    raise FleetError(
        f"was begun with another {' and '.join(differs)}.",
        where=f"recording {info.name}",
        hint="Record under another --name, or with the configuration it was begun with.",
    )


def decide(
    loaded: LoadedFleet,
    market: HistoricMarket,
    place: RecordingFolder,
    at: int,
    stop: StopRequest,
) -> RecordedDecision:
    """Ask a fleet about the market at a decision point with fresh bars, and return its decision.

    Asked again after an interruption, it pays no answer twice. Nothing is appended.
    """
    requests = requests_at(loaded, market, at)
    scan_id = f"record-{place.path.name}-{at // SECOND}"
    scan = Scan(scan_id, ScanFolder(place.path), loaded.fleet, requests)
    return run_on_uvloop(_asked(scan, requests, place, at, stop))


async def _asked(
    scan: Scan, requests: RequestBuilder, place: RecordingFolder, at: int, stop: StopRequest
) -> RecordedDecision:
    asked = time.time_ns()
    async with open_client(scan) as client:
        log = DecisionLog(place.walk_file(at))
        runner = ScanRunner(scan.fleet, requests, client, log)
        await run_until_stopped(runner, stop, client.latch)
        seconds = runner.seconds()
        client.ledger.flush()
        answers = client.ledger.records(scan.scan_id)
        usd = client.ledger.sent(scan.scan_id).usd
        outcomes = runner.outcomes_in_order()
    votes = tuple(_votes(outcomes, requests, answers))
    took = [(one.finished_ns - one.started_ns) / SECOND for one in answers.values()]
    return RecordedDecision(
        at=at,
        latency=round(max(seconds, _by_ranks(outcomes, answers)), 3),
        call=round(fmean(took), 3) if took else 0.0,
        usd=usd,
        models={one.model: one.cutoff for one in answers.values()},
        rules=all(one.provider == OFFLINE for one in answers.values()),
        asked=asked,
        opinions=opinions_of(votes),
        votes=votes,
    )


def _by_ranks(outcomes: Iterable[NodeOutcome], answers: dict[str, Answer]) -> float:
    """Return the seconds of the slowest call of each rank together.

    A decision that was continued after an interruption waited less than it would have at once.
    """
    slowest: dict[Level, float] = {}
    for one in outcomes:
        answer = answers.get(one.key or "")
        if answer is not None:
            rank = level_of(one.node)
            took = (answer.finished_ns - answer.started_ns) / SECOND
            slowest[rank] = max(slowest.get(rank, 0.0), took)
    return sum(slowest.values())


def _votes(
    outcomes: Iterable[NodeOutcome], requests: RequestBuilder, answers: dict[str, Answer]
) -> Iterable[RecordedVote]:
    for one in outcomes:
        if one.answer is None or one.key is None or not one.target:
            continue
        node = requests.node(one.node)
        if requests.role(node) is Role.HUNTER:
            task = requests.task(node)
            yield RecordedVote(
                node=one.node,
                instrument=task.instrument,
                kind=task.detail,
                score=one.answer.score,
                confidence=one.answer.confidence,
                model=answers[one.key].model,
                prompt=one.key,
            )


def with_served(info: RecordingInfo, place: RecordingFolder) -> RecordingInfo:
    """Return the description with when models without a published cutoff first answered us."""
    decisions = place.decisions().values()
    unpublished = {
        model
        for one in decisions
        if not one.rules
        for model, cutoff in one.models.items()
        if cutoff is None
    }
    with Ledger() as ledger:
        served = {model: ledger.first_served(model) for model in sorted(unpublished)}
    found = {model: at for model, at in served.items() if at is not None}
    return msgspec.structs.replace(info, served=found)
