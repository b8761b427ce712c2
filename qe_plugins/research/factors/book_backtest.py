"""A backtest of `factor_target` compared with the arithmetic of its book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.research.factors import provenance
from qe_plugins.research.factors.book_pnl import BookPositions, PositionChange, positions
from qe_plugins.research.factors.sizing import Sizing

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.engine.running.prepare import PreparedRun

CLASS = "FactorTarget"
CLOSE = 1e-6
"""Ticks below which prices are equal."""


class PositionDifference(msgspec.Struct, frozen=True):
    """A change of position that the engine and the arithmetic do not share.

    `found` is what the engine traded and `expected` the arithmetic, in contracts; `ticks` is how
    much worse the engine's price was, less the slippage of the run.
    """

    ts: int
    contract: str
    found: int
    expected: int
    ticks: float


class BookComparison(msgspec.Struct, frozen=True):
    """One root of a backtest against the arithmetic of its book; amounts in USD.

    `found` is the engine's net P&L and `expected` that of the arithmetic less fees and slippage.
    `trades` are changes of position, `zero` the decisions whose size rounds to nothing.
    """

    root: str
    trades: int
    found: float
    expected: float
    gross: float
    costs: float
    decisions: int
    zero: int
    average: float
    differences: list[PositionDifference]

    @property
    def agrees(self) -> bool:
        """Say whether no trade is missing and no price differs by more than a tick."""
        return all(
            one.found == one.expected and abs(one.ticks) <= 1 + CLOSE for one in self.differences
        )


def expected(loaded: Loaded, prepared: PreparedRun) -> dict[str, BookPositions]:
    """Return the positions of each root's book.

    Raises ConfigError for a run without `factor_target`, and for fills that the arithmetic does not
    know.
    """
    _check_fills(loaded)
    contracts, bars = contracts_of(prepared.tape), bars_of(prepared.tape)
    families = prepared.features.wanted.families if prepared.features is not None else {}
    found: dict[str, BookPositions] = {}
    for one in prepared.components:
        if one.author.__name__ != CLASS or one.roll_settings is None:
            continue
        config, root = one.arguments[0], one.roll_settings.instrument
        if root in found:
            raise loaded.error(f"{root} is traded twice.", "strategies", one.name)
        book = provenance.current(config.book)
        sizing = Sizing(
            capital=float(config.capital),
            risk=config.risk,
            share=book.share(root),
            buffer=config.buffer,
            most=config.contracts,
        )
        front = prepared.fronts[root]
        parts = [(0, front.first), *((point.at, point.after) for point in front.roll_points)]
        multiplier = _multiplier(prepared, root)
        found[root] = positions(book, root, sizing, multiplier, bars, contracts, parts, families)
    if not found:
        hint = "`configs/backtest/es_factors.yaml` is an example."
        raise loaded.error("has no strategy factor_target on a root.", "strategies", hint=hint)
    return found


def compare(loaded: Loaded, prepared: PreparedRun, result: BacktestResult) -> list[BookComparison]:
    """Return each root of a finished run against the arithmetic of its book."""
    closes = {name: float(one.close[-1]) for name, one in bars_of(prepared.tape).items()}
    roots = {str(one.id): one.underlying for one in prepared.tape.contracts}
    ticks = loaded.config.slippage.ticks
    compared = []
    for root, wanted in expected(loaded, prepared).items():
        multiplier, tick = _multiplier(prepared, root), _tick(prepared, root)
        terms = prepared.terms[root]

        def a_side(ts: int, terms: Any = terms, slip: float = ticks * tick * multiplier) -> float:
            return float(terms.fee(ts)) + slip

        own = result.fills.filter(pl.col("instrument_id").replace_strict(roots) == root)
        gross, costs = wanted.gross(multiplier, closes), wanted.costs(a_side)
        compared.append(
            BookComparison(
                root=root,
                trades=len(wanted.changes),
                found=_net(own, multiplier, closes),
                expected=gross - costs,
                gross=gross,
                costs=costs,
                decisions=wanted.decisions,
                zero=wanted.zero,
                average=wanted.average,
                differences=_differences(own, wanted.changes, tick, ticks),
            )
        )
    return compared


def _check_fills(loaded: Loaded) -> None:
    config = loaded.config
    if config.fills.market != "close" or config.slippage.model != "ticks":
        message = "the arithmetic of a book knows fills at the close with slippage in ticks only."
        hint = "Leave `fills.market` at close and `slippage.model` at ticks."
        raise loaded.error(message, "slippage", "model", hint=hint)


def _multiplier(prepared: PreparedRun, root: str) -> float:
    return float(_contract(prepared, root).multiplier.as_decimal())


def _tick(prepared: PreparedRun, root: str) -> float:
    return float(_contract(prepared, root).price_increment.as_decimal())


def _contract(prepared: PreparedRun, root: str) -> Any:
    return next(one for one in prepared.tape.contracts if one.underlying == root)


def _signed() -> pl.Expr:
    return pl.col("quantity") * pl.when(pl.col("side") == "BUY").then(1).otherwise(-1)


def _net(fills: pl.DataFrame, multiplier: float, closes: Mapping[str, float]) -> float:
    """Return the net P&L of fills; what is still held is worth the last close."""
    total = 0.0
    held: dict[str, float] = {}
    rows = fills.select("instrument_id", "price", "commission", _signed().alias("signed"))
    for contract, price, commission, signed in rows.iter_rows():
        total -= signed * price * multiplier + commission
        held[contract] = held.get(contract, 0.0) + signed
    return total + sum(count * closes[name] * multiplier for name, count in held.items() if count)


def _differences(
    fills: pl.DataFrame, changes: list[PositionChange], tick: float, slippage: int
) -> list[PositionDifference]:
    """Return what differs in size or price, by moment and contract."""
    found: dict[tuple[int, str], tuple[int, float]] = {}
    rows = fills.select(pl.col("ts").cast(pl.Int64), "instrument_id", "price", _signed().alias("n"))
    for ts, contract, price, signed in rows.iter_rows():
        count, paid = found.get((ts, contract), (0, 0.0))
        found[ts, contract] = count + int(signed), paid + signed * price
    wanted: dict[tuple[int, str], tuple[int, float]] = {}
    for one in changes:
        count, paid = wanted.get((one.ts, one.contract), (0, 0.0))
        wanted[one.ts, one.contract] = (
            count + one.contracts,
            paid + one.contracts * one.price,
        )
    listed = []
    for key in sorted(found.keys() | wanted.keys()):
        (traded, paid), (planned, asked) = found.get(key, (0, 0.0)), wanted.get(key, (0, 0.0))
        worse = (paid - asked) / tick / abs(planned) - slippage if traded == planned != 0 else 0.0
        if traded != planned or abs(worse) > CLOSE:
            listed.append(PositionDifference(*key, traded, planned, worse))
    return listed
