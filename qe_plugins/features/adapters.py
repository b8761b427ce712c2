"""Families from other libraries: a Polars expression, a function of TA-Lib or of pandas-ta.

They are checked as any family is. The libraries are an extra, `quant-engine[ta]`, and are imported
where one of these functions is called.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.errors import FeatureError
from qe_plugins.plugins.types import Family

if TYPE_CHECKING:
    import polars as pl

EXTRA = "Install it with `pip install 'quant-engine[ta]'`."


def polars_family(name: str, expression: pl.Expr, lookback: int, meaning: str = "") -> Family:
    """Return a family of a Polars expression over open, high, low, close and volume."""

    def function(bars: Bars) -> np.ndarray:
        import polars as pl

        frame = pl.DataFrame({n: bars.columns[n] for n in NUMBERS})
        return _floats(frame.select(expression).to_series().to_numpy())

    said = meaning or f"Polars expression {expression}"[:200]
    return Family(name=name, function=function, lookback=lookback, meaning=said)


def talib_families(function: str, lookback: int, **settings: Any) -> list[Family]:
    """Return the outputs of a function of TA-Lib, such as `RSI`, one family each.

    `lookback` should cover what the function remembers: an exponential average never forgets.
    Raises FeatureError where TA-Lib is not installed or has no such function.
    """
    try:
        from talib import abstract
    except ImportError as error:
        raise FeatureError("TA-Lib is not installed.", hint=EXTRA) from error
    try:
        library: Any = abstract
        computed = library.Function(function, **settings)
    except Exception as error:
        raise FeatureError(f"TA-Lib has no function '{function}'.") from error
    outputs: list[str] = computed.output_names

    def output(number: int, bars: Bars) -> np.ndarray:
        found = computed({n: bars.columns[n] for n in NUMBERS})
        return _floats(found if len(outputs) == 1 else found[number])

    return [
        Family(
            name=_valid(function if len(outputs) == 1 else f"{function}_{one}"),
            function=partial(output, n),
            lookback=lookback,
            meaning=f"TA-Lib {function} {one}",
        )
        for n, one in enumerate(outputs)
    ]


def pandas_ta_families(
    function: str, bars: Bars, lookback: int = 1_000, **settings: Any
) -> list[Family]:
    """Return the columns of a function of pandas-ta-classic, such as `dpo`, one family each.

    Which columns there are is known from its result for `bars`. Raises FeatureError where the
    library is not installed or the function fails.
    """
    try:
        import pandas_ta_classic  # noqa: F401 - registers `DataFrame.ta`
    except ImportError as error:
        raise FeatureError("pandas-ta-classic is not installed.", hint=EXTRA) from error

    def frame(bars: Bars) -> Any:
        import pandas as pd

        index = pd.to_datetime(bars.ts_event, utc=True)
        made: Any = pd.DataFrame({n: bars.columns[n].copy() for n in NUMBERS}, index=index)
        found = getattr(made.ta, function)(**settings)
        several = found if isinstance(found, tuple) else (found,)
        parts: list[Any] = [
            p.to_frame() if isinstance(p, pd.Series) else p for p in several if p is not None
        ]
        own = [p.loc[:, ~p.columns.duplicated()].reindex(made.index) for p in parts]
        return pd.concat(own, axis=1) if own else pd.DataFrame(index=made.index)

    def column(name: str, bars: Bars) -> np.ndarray:
        found = frame(bars)
        return _floats(found[name].to_numpy()) if name in found else np.full(len(bars), np.nan)

    try:
        names = [str(one) for one in dict.fromkeys(frame(bars).columns)]
    except Exception as error:
        raise FeatureError(f"pandas-ta cannot compute '{function}': {error}") from error
    return [
        Family(
            name=_valid(name),
            function=partial(column, name),
            lookback=lookback,
            meaning=f"pandas-ta {function}: {name}",
        )
        for name in names
    ]


def _valid(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]


def _floats(values: Any) -> np.ndarray:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return np.array([float(v) if v is not None else np.nan for v in values], np.float64)
