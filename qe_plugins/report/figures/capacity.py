"""Capacity: the size at which market impact, by the square-root law, consumes the edge.

An order of Q contracts moves the price by `coefficient` x volatility x sqrt(Q / volume), volatility
and volume being those of the same time window around it (Tóth et al. 2011, "Anomalous price
impact and the critical nature of liquidity in financial markets", find coefficients around one for
futures). Traded at k times its size, a run then earns k x P&L - k^1.5 x impact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from qe_plugins.report.figures import prices

if TYPE_CHECKING:
    import numpy.typing as npt

    from qe_plugins.engine.results.result import BacktestResult, ContractInfo
    from qe_plugins.report.figures.equity import AccountHistory

    Floats = npt.NDArray[np.float64]

COEFFICIENT = 1.0
WINDOW = 60  # minutes around a fill
MINUTE = 60_000_000_000
LAW = "points = coefficient x volatility x sqrt(contracts / volume), of the minutes around a fill"
MARKET = 0.1  # share of the volume around a fill above which the law is not known to hold
POINTS = 60
SIZES = (1, 2, 5)


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts per trade at which the expected net P&L is zero, and at which it is largest.

    All None, with the `reason`, if there is no edge. In `parameters`: `impact`, the market impact
    of the run at its size, in currency and not in its P&L; `participation`, its average share of
    the volume around a fill; `volume` (contracts) and `volatility` (points), the medians there.
    """

    contracts: float | None = None
    best_contracts: float | None = None
    best_net_pnl: float | None = None
    reason: str | None = None
    parameters: dict[str, Any]

    @property
    def market_contracts(self) -> float:
        """Return the contracts per trade at which its orders are 10% of the volume around."""
        return self._of_volume(MARKET)

    @property
    def most(self) -> float | None:
        """Return the contracts per trade with the largest expected P&L, at most 10% of volume."""
        if self.best_contracts is None:
            return None
        return min(self.best_contracts, self.market_contracts)

    @property
    def whole(self) -> float:
        """Return the contracts per trade that equal all of the volume around its orders."""
        return self._of_volume(1.0)

    def _of_volume(self, share: float) -> float:
        known: dict[str, float] = self.parameters
        return share * known["contracts"] / known["participation"]

    def at(self, contracts: float) -> float:
        """Return the expected net P&L of a size, in currency."""
        scale = contracts / self.parameters["contracts"]
        edge, impact = self.parameters["net_pnl"], self.parameters["impact"]
        return float(scale * edge - scale**1.5 * impact)


def estimate(outcome: BacktestResult, history: AccountHistory) -> Capacity:
    """Return the capacity of a run from its fills and the catalog's bars around them."""
    edge = history.final_equity - history.starting
    parameters: dict[str, Any] = {"law": LAW, "coefficient": COEFFICIENT, "window_minutes": WINDOW}
    parameters["market_share"] = MARKET
    if outcome.fills.is_empty():
        return Capacity(reason="Nothing was traded.", parameters=parameters)
    around = _around(outcome)
    if around.is_empty():
        return Capacity(reason="The data has no volume around the fills.", parameters=parameters)
    parameters |= _impact_parameters(outcome, around, edge)
    if edge <= 0:
        return Capacity(reason="The net P&L is not positive: no edge.", parameters=parameters)
    ratio, size = edge / parameters["impact"], parameters["contracts"]
    zero, best = ratio**2, (ratio / 1.5) ** 2
    found = Capacity(contracts=zero * size, best_contracts=best * size, parameters=parameters)
    return msgspec.structs.replace(found, best_net_pnl=found.at(best * size))


def document(found: Capacity) -> dict[str, Any]:
    """Return a capacity as plain data, with the sizes of its properties and their P&L."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    size = found.most
    limits = {"market_contracts": found.market_contracts, "most_contracts": size} if size else {}
    return plain | limits | ({"most_net_pnl": found.at(size)} if size else {})


def curve(found: Capacity, until: float = np.inf) -> dict[str, list[float]]:
    """Return `size` in contracts and the expected net P&L `pnl`, from zero to past break-even.

    Ends at `until` contracts if that comes first.
    """
    if found.contracts is None:
        return {"size": [], "pnl": []}
    sizes = np.linspace(0.0, min(1.15 * found.contracts, until), POINTS)
    return {"size": sizes.round(4).tolist(), "pnl": [round(found.at(size), 2) for size in sizes]}


def rows(found: Capacity) -> list[tuple[float, float, float]]:
    """Return round sizes up to the capacity, or to all of the volume if that comes first.

    Each row is contracts, expected net P&L, share of the volume.
    """
    if found.contracts is None:
        return []
    steps = [step * 10**power for power in range(9) for step in SIZES]
    shown = [step for step in steps if step <= min(found.contracts, found.whole)][-9:]
    share = found.parameters["participation"] / found.parameters["contracts"]
    return [(size, found.at(size), share * size) for size in shown]


def _impact_parameters(
    outcome: BacktestResult, around: pl.DataFrame, edge: float
) -> dict[str, Any]:
    quantity, volume = around["quantity"].to_numpy(), around["volume"].to_numpy()
    share = quantity / volume
    points = COEFFICIENT * around["volatility"].to_numpy() * np.sqrt(share)
    sizes = outcome.positions["quantity"]
    return {
        "contracts": float(sizes.mean() or quantity.mean()),  # type: ignore[arg-type]
        "net_pnl": round(edge, 6),
        "impact": round(float((points * quantity * around["multiplier"].to_numpy()).sum()), 6),
        "participation": float(share.mean()),
        "volume": float(np.median(volume)),
        "volatility": float(around["volatility"].median()),  # type: ignore[arg-type]
        "fills": around.height,
    }


def _around(outcome: BacktestResult) -> pl.DataFrame:
    """Return quantity, multiplier, volume and volatility (points) around each fill."""
    contracts = {contract.id: contract for contract in outcome.data.contracts}
    parts = [
        _around_contract(outcome, contracts[str(name)], own)
        for (name,), own in outcome.fills.group_by("instrument_id", maintain_order=True)
    ]
    return pl.concat(parts).filter(pl.col("volume") > 0)


def _around_contract(
    outcome: BacktestResult, contract: ContractInfo, fills: pl.DataFrame
) -> pl.DataFrame:
    bars = prices.activity(outcome, contract.id)
    times = bars["ts"].to_numpy()
    moves = np.diff(bars["close"].to_numpy(), prepend=bars["close"][:1].to_numpy())
    at = fills["ts"].to_physical().to_numpy()
    first = np.searchsorted(times, at - WINDOW // 2 * MINUTE, side="right")
    last = np.searchsorted(times, at + WINDOW // 2 * MINUTE, side="right")
    volume = _between(bars["volume"].to_numpy(), first, last)
    volatility = np.sqrt(np.maximum(_between(moves**2, first, last), 0.0))
    quantity = fills["quantity"].to_numpy()
    return pl.DataFrame(
        {
            "quantity": quantity,
            "multiplier": np.full(at.size, float(contract.multiplier)),
            "volume": np.where(volume > 0, np.maximum(volume, quantity), 0.0),
            "volatility": np.maximum(volatility, float(contract.tick)),
        }
    )


def _between(values: Floats, first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]) -> Floats:
    """Return the sum of values[first:last] for each pair."""
    running = np.concatenate(([0.0], np.cumsum(values)))
    found: Floats = running[last] - running[first]
    return found
