"""Does a model remember the market? It is asked what came next before and after its cutoff.

The windows are those of the recording's decisions, masked or not as they were asked. A model that
only reads them is as often right on either side.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec
import polars as pl

from qe_plugins.errors import FleetError
from qe_plugins.fleet.leaks.outcomes import rose_after
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.rank_models import refuse_unusable_providers
from qe_plugins.fleet.recording.as_of import HistoricMarket, requests_at
from qe_plugins.fleet.scan.lifecycle import client_for, run_on_uvloop
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, tree_of
from qe_plugins.halt.latch import refuse_if_halted
from qe_plugins.llm.pricing.price_list import price_list, worst_case
from qe_plugins.llm.requests import Answer, Request, schema_text
from qe_plugins.llm.settings import Budgets
from qe_plugins.recordings.contamination import Contamination, contamination
from qe_plugins.recordings.records import RecordingInfo

SYSTEM = """\
You see a window of a futures market. Say whether the price was higher or lower {horizon} minutes
after the window's last bar. If you recognise the market or the day, use what you remember of it.

Answer with one JSON object with the field direction: "up" or "down"."""

Z = 1.96


class NextMove(msgspec.Struct, frozen=True):
    """What the model says came next."""

    direction: Literal["up", "down"]


class MemoryQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One window: whether the model may `know` what followed, and whether the price `rose`."""

    known: bool
    rose: bool
    request: Request


class MemoryProbe(msgspec.Struct, frozen=True, kw_only=True):
    """How often a model was right before and after its cutoff, and the difference with its 95%
    interval. `failed` counts questions without an answer, `usd` what they cost.
    """

    model: str
    before: int
    before_right: float
    after: int
    after_right: float
    difference: float
    low: float
    high: float
    failed: int
    usd: Decimal

    @property
    def held(self) -> bool:
        """Return whether the model is not measurably better before its cutoff."""
        return self.low <= 0


def questions(
    loaded: LoadedFleet, frame: pl.DataFrame, info: RecordingInfo, horizon: int, most: int
) -> list[MemoryQuestion]:
    """Return at most `most` questions before the cutoff of the workers' model and as many after.

    `horizon` is in minutes. Decisions within 90 days after the cutoff are left out. Raises
    FleetError where the fleet asks no model, or where there are none on one side.
    """
    where = f"recording {info.name}"
    if loaded.fleet.provider != "models":
        hint = "Record with `--provider models`."
        raise FleetError("was answered by rules, which remember nothing.", where=where, hint=hint)
    model = loaded.fleet.ranks.worker.model
    cutoff, served = price_list().model(model).cutoff, info.served.get(model)
    sides: dict[bool, list[int]] = {True: [], False: []}
    for at in info.points:
        label = contamination(at, cutoff, masked=False, served=served)
        if label is not Contamination.NEAR:
            sides[not label.is_evidence].append(at)
    for known, points in sides.items():
        if not points:
            side = "before" if known else "90 days or more after"
            message = f"has no decision {side} the cutoff of {model}, so there is no difference."
            raise FleetError(message, where=where)
    market = HistoricMarket(frame)
    bars = {str(name): of.sort("ts") for (name,), of in frame.group_by("instrument")}
    return [
        question
        for known, points in sides.items()
        for at in points[:: max(len(points) // most, 1)][:most]
        for question in _question(loaded, market, bars, at, horizon, known=known)
    ]


def _question(
    loaded: LoadedFleet,
    market: HistoricMarket,
    bars: dict[str, pl.DataFrame],
    at: int,
    horizon: int,
    *,
    known: bool,
) -> Iterator[MemoryQuestion]:
    """Yield the question of a decision point; none where the outcome is not in the data."""
    requests = requests_at(loaded, market, at)
    worker = next(one for one in tree_of(loaded.fleet).nodes() if one.level is Level.WORKER)
    task = requests.task(worker)
    rose = rose_after(bars.get(task.instrument), at, horizon)
    if rose is not None:
        request = msgspec.structs.replace(
            requests.for_worker(worker, task),
            system=SYSTEM.format(horizon=horizon),
            schema_name=NextMove.__name__,
            schema=schema_text(NextMove),
            task_id=f"memory {at}",
        )
        yield MemoryQuestion(known=known, rose=rose, request=request)


def refuse_dear(asked: Sequence[MemoryQuestion], most: Decimal | None) -> Decimal:
    """Return the most that the questions can cost in USD. Raises FleetError above `most`."""
    now, prices = datetime.now(UTC), price_list()
    price = sum((worst_case(prices, one.request, now) for one in asked), Decimal(0))
    if most is None or price > most:
        limit = "and no --max-cost was given" if most is None else f"more than --max-cost {most:,}"
        raise FleetError(
            f"{len(asked):,} questions to {asked[0].request.model} cost at most ${price:,.4f}, "
            f"{limit}."
            if asked
            else "no question has an outcome in 'data:'.",
            where="memory probe",
            hint="Give --max-cost, or a lower --points.",
        )
    return price


def probe(
    loaded: LoadedFleet, name: str, asked: Sequence[MemoryQuestion], most: Decimal
) -> MemoryProbe:
    """Ask the questions for at most `most` USD and return how often the model was right.

    Raises ModelError without a key, Halted while trading is halted, FleetError where a side has no
    answer.
    """
    refuse_if_halted()
    refuse_unusable_providers(loaded.fleet)
    fleet = msgspec.structs.replace(loaded.fleet, budgets=Budgets(scan=most))
    answers, usd = run_on_uvloop(_answers(fleet, name, asked))
    right: dict[bool, list[bool]] = {True: [], False: []}
    for one, answer in zip(asked, answers, strict=True):
        if answer.answer is not None:
            said: NextMove = answer.typed(NextMove)
            right[one.known].append((said.direction == "up") == one.rose)
    if not (right[True] and right[False]):
        failures = ", ".join(sorted({str(one.failure) for one in answers if one.failure}))
        message = f"has no answer on one side of the cutoff: {failures}."
        raise FleetError(message, where="memory probe")
    low, high = difference_interval(right[True], right[False])
    before, after = (sum(right[side]) / len(right[side]) for side in (True, False))
    return MemoryProbe(
        model=asked[0].request.model,
        before=len(right[True]),
        before_right=before,
        after=len(right[False]),
        after_right=after,
        difference=before - after,
        low=low,
        high=high,
        failed=len(asked) - len(right[True]) - len(right[False]),
        usd=usd,
    )


def difference_interval(before: Sequence[bool], after: Sequence[bool]) -> tuple[float, float]:
    """Return the 95% interval of the difference of two rates, by Agresti and Caffo.

    One right and one wrong answer are added to each, so that it also covers for few answers.
    """
    counts = [len(side) + 2 for side in (before, after)]
    rates = [(sum(side) + 1) / count for side, count in zip((before, after), counts, strict=True)]
    variance = sum(rate * (1 - rate) / n for rate, n in zip(rates, counts, strict=True))
    middle, error = rates[0] - rates[1], Z * math.sqrt(variance)
    return middle - error, middle + error


async def _answers(
    fleet: Fleet, name: str, asked: Sequence[MemoryQuestion]
) -> tuple[list[Answer], Decimal]:
    scan = f"memory-{name}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    async with client_for(scan, fleet) as client:
        answers = await asyncio.gather(*(client.ask(one.request, NextMove) for one in asked))
        client.ledger.flush()
        return answers, client.ledger.sent(scan).usd
