"""The arms of an ablation as a table: P&L net of model cost, compared with rotated and none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qe_plugins.config.loader import Loaded
from qe_plugins.errors import ConfigError, RunError
from qe_plugins.market.exchange_zone import session_date
from qe_plugins.recordings import arms, contamination, folder
from qe_plugins.recordings.arms import Arm
from qe_plugins.recordings.records import FleetRecording
from qe_plugins.research.ablation.comparison import ArmComparison, aligned, compare, holm, mean_of
from qe_plugins.research.ablation.verdict import AblationVerdict, judge
from qe_plugins.research.grid import Axis
from qe_plugins.research.variants import VariantResult

PLUGIN = "hunter_fleet"
KEY = f"plugins.{PLUGIN}.arm"
SESSIONS = "session_pnl"
"""The figure of a run that has its P&L by session day."""

CONTROLS = (Arm.NONE, Arm.ROTATED, Arm.RANDOM)
"""Arms that stand for trading without a model, and so pay for none."""

SEED = 1
RELEVANT = 0.1
"""The difference that would matter, in R a trade."""


class ArmRow(msgspec.Struct, frozen=True, kw_only=True):
    """One arm: trades, P&L net of fees and slippage, model cost, and two comparisons.

    The p-values of both comparisons are adjusted for the number of arms.
    """

    arm: Arm
    trades: int
    sessions: int
    net_pnl: float
    model_cost: float
    to_rotated: ArmComparison
    to_none: ArmComparison


class AblationResult(msgspec.Struct, frozen=True, kw_only=True):
    """The table of all arms, the verdict on the arm `full`, and P&L by session of each arm."""

    recording: str
    recording_sha256: str
    currency: str
    rows: tuple[ArmRow, ...]
    verdict: AblationVerdict
    sessions: dict[str, dict[str, float]]


def recording_of(loaded: Loaded) -> FleetRecording:
    """Return the recording that a configuration replays. Raises ConfigError where there is none."""
    settings = loaded.config.plugins.get(PLUGIN) or {}
    if "recording" not in settings:
        hint = f"Write 'plugins: {{{PLUGIN}: {{recording: NAME}}}}'."
        raise ConfigError("replays no recording, so there is nothing to ablate.", hint=hint)
    return folder.read(str(settings["recording"]))


def axis(recording: FleetRecording) -> Axis:
    """Return the axis of the sweep: every arm that the recording allows."""
    most = len({vote.node for one in recording.decisions for vote in one.votes})
    chosen: list[Arm] = [
        arm for arm in Arm if arms.WORKERS.get(arm, 0) < most and arm is not Arm.UNMASKED
    ]
    if arms.raw_name(recording.info.name) in folder.names():
        chosen.append(Arm.UNMASKED)
    return Axis(KEY, tuple(map(str, chosen)))


def rotation_axes(count: int) -> tuple[Axis, Axis]:
    """Return the axes of a second sweep: `count` further rotations of the votes."""
    seeds = tuple(range(SEED + 1, SEED + 1 + count))
    return Axis(KEY, (str(Arm.ROTATED),)), Axis(f"plugins.{PLUGIN}.seed", seeds)


def table(
    recording: FleetRecording,
    results: Sequence[VariantResult],
    rotations: Sequence[VariantResult],
    risk: float,
) -> AblationResult:
    """Return the result of the runs of all arms; `risk` is 1 R in the account's currency.

    The control `rotated` is the mean of its run and of those of further `rotations`. Raises
    RunError where the arms full, none or rotated did not finish.
    """
    figures = {Arm(one.variant.settings[KEY]): one.figures for one in results if one.figures}
    for needed in (Arm.FULL, Arm.NONE, Arm.ROTATED):
        if needed not in figures:
            failed = next((one for one in results if one.variant.settings[KEY] == needed), None)
            why = failed.error if failed and failed.error else "it did not run"
            raise RunError(f"the arm '{needed}' has no result: {why}.", where="ablation")
    costs = {arm: _costs(recording, arm) for arm in figures}
    net = {arm: _net(one[SESSIONS], costs[arm]) for arm, one in figures.items()}
    turned = [one.figures[SESSIONS] for one in rotations if one.figures]
    control = _mean([net[Arm.ROTATED], *turned])
    rotated = {arm: compare(*aligned(of, control)) for arm, of in net.items()}
    none = {arm: compare(*aligned(of, net[Arm.NONE])) for arm, of in net.items()}
    currency = str(figures[Arm.FULL]["currency"])
    sessions = max(len(net[Arm.FULL]), 1)
    relevant = RELEVANT * risk * figures[Arm.FULL]["trades"] / sessions
    return AblationResult(
        recording=recording.info.name,
        recording_sha256=recording.sha256,
        currency=currency,
        rows=tuple(_rows(figures, costs, rotated, none)),
        verdict=judge(
            rotated[Arm.FULL],
            none[Arm.FULL],
            relevant=relevant,
            currency=currency,
            contaminated=_contaminated(recording),
        ),
        sessions={str(arm): of for arm, of in net.items()},
    )


def _rows(
    figures: Mapping[Arm, dict[str, Any]],
    costs: Mapping[Arm, dict[str, float]],
    rotated: Mapping[Arm, ArmComparison],
    none: Mapping[Arm, ArmComparison],
) -> list[ArmRow]:
    p_rotated = dict(zip(figures, holm([rotated[arm].p for arm in figures]), strict=True))
    p_none = dict(zip(figures, holm([none[arm].p for arm in figures]), strict=True))
    return [
        ArmRow(
            arm=arm,
            trades=one["trades"],
            sessions=len(one[SESSIONS]),
            net_pnl=one["net_pnl"],
            model_cost=round(sum(costs[arm].values()), 6),
            to_rotated=msgspec.structs.replace(rotated[arm], p=p_rotated[arm]),
            to_none=msgspec.structs.replace(none[arm], p=p_none[arm]),
        )
        for arm, one in figures.items()
    ]


def _net(pnl: Mapping[str, float], costs: Mapping[str, float]) -> dict[str, float]:
    return {day: pnl.get(day, 0.0) - costs.get(day, 0.0) for day in sorted({*pnl, *costs})}


def _mean(controls: Sequence[Mapping[str, float]]) -> dict[str, float]:
    days = sorted({day for one in controls for day in one})
    means = mean_of([[one.get(day, 0.0) for day in days] for one in controls])
    return dict(zip(days, means.tolist(), strict=True))


def _costs(recording: FleetRecording, arm: Arm) -> dict[str, float]:
    """Return what an arm's answers cost by session day, in USD; controls use none."""
    if arm in CONTROLS:
        return {}
    share = min(arms.WORKERS.get(arm, recording.info.workers) / recording.info.workers, 1.0)
    found: dict[str, float] = {}
    for one in recording.decisions:
        if one.usd:
            day = session_date(one.at).isoformat()
            found[day] = found.get(day, 0.0) + share * float(one.usd)
    return found


def _contaminated(recording: FleetRecording) -> dict[str, int]:
    labels = [contamination.of_decision(one, recording.info) for one in recording.decisions]
    counted = contamination.counts(label for label in labels if not label.is_evidence)
    return dict(counted)
