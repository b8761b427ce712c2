"""American prices by QuantLib's QD+ engine, to compare ours with. Needs the extra `options`."""

from __future__ import annotations

from qe_plugins.errors import DataError


def american_price(
    forward: float,
    strike: float,
    days: int,
    rate: float,
    volatility: float,
    *,
    call: bool,
    finite_differences: bool = False,
) -> float:
    """Return the price of an American option on a future, in points, `days` before its expiry.

    By QD+ (`QdFpAmericanEngine`), or by finite differences. Raises DataError without QuantLib.
    """
    try:
        import QuantLib as ql  # noqa: N813 - the library's own abbreviation
    except ImportError as error:
        raise DataError(
            "QuantLib is not installed.", where="options", hint="uv sync --extra options"
        ) from error
    today = ql.Date(2, 1, 2020)
    ql.Settings.instance().evaluationDate = today
    counter, calendar = ql.Actual365Fixed(), ql.NullCalendar()
    curve = ql.YieldTermStructureHandle(ql.FlatForward(today, rate, counter))
    smile = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, calendar, volatility, counter)
    )
    process = ql.BlackProcess(ql.QuoteHandle(ql.SimpleQuote(forward)), curve, smile)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))
    engine = (
        ql.FdBlackScholesVanillaEngine(process, 200, 200)
        if finite_differences
        else ql.QdFpAmericanEngine(process)
    )
    option.setPricingEngine(engine)
    return float(option.NPV())
