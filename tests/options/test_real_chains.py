"""Two days of real ES options: counts, volatilities, parity and slices as they were measured."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from qe_plugins.errors import DataError
from qe_plugins.options.chain import chain_of
from qe_plugins.options.parity import parity_pairs
from qe_plugins.options.quotes import LeftOut, QuoteRules, left_out
from qe_plugins.options.surface import Slice, crossing, fit_expiry, fit_surface

THREE_PM = 1_578_322_800_000_000_000  # 2020-01-06 15:00 UTC


def test_every_quote_is_counted_and_nearly_all_above_intrinsic_value_have_a_volatility(two_days):
    counts = left_out(two_days)
    priced = two_days.filter(pl.col("price").is_not_null() & pl.col("bid").is_not_null())
    two_sided = priced.filter((pl.col("bid") > 0) & (pl.col("ask") > pl.col("bid")))

    assert two_days.height == 254_590
    assert two_sided.height == 125_863
    assert two_sided["symbol"].n_unique() == 204
    assert counts[LeftOut.BELOW_INTRINSIC] <= 2
    assert LeftOut.NO_VOLATILITY not in counts


def test_parity_holds_within_the_half_spreads(two_days):
    pairs = parity_pairs(two_days)
    errors = pairs["error"].abs()

    assert pairs.height == 44_187
    assert (errors <= pairs["allowed"] + 1e-9).mean() >= 0.97
    assert errors.median() < 0.15
    assert errors.quantile(0.95) < 0.65


def test_slices_of_every_quarter_hour_fit_within_the_spreads_and_have_no_arbitrage(two_days):
    outside = pl.col("sign") * (pl.col("strike") - pl.col("price")) >= 0
    used = two_days.filter(
        pl.col("reason").is_null() & outside & (pl.col("now") // 60_000_000_000 % 15 == 0)
    )
    slices = [
        fit_expiry(part, int(key[0]), int(key[1]))
        for key, part in used.group_by("expiry", "now")
        if part.height >= 12
    ]
    fitted = [one for one in slices if isinstance(one, Slice)]
    weights = np.array([one.quotes for one in fitted])
    moments = {one.at for one in fitted}
    together = [[one for one in fitted if one.at == at] for at in moments]

    assert len(slices) > 100
    assert len(fitted) == len(slices)  # none has butterfly arbitrage
    assert np.median([one.median_error for one in fitted]) < 0.0003
    assert np.quantile([one.p95_error for one in fitted], 0.95) < 0.001
    assert np.average([one.inside for one in fitted], weights=weights) >= 0.9
    assert [at for at in together if crossing(at)] == []


def test_a_chain_has_nothing_of_after_its_moment(chains):
    found = chain_of(chains, THREE_PM)

    assert found.options["ts"].max() <= THREE_PM
    assert found.options["price_ts"].max() <= THREE_PM
    assert len(found.expiries) == 2
    assert {check.holds for check in found.parity} == {True}


def test_a_wrong_future_price_breaks_parity_and_is_refused_with_the_one_that_fits(chains):
    shifted = replace(chains, futures=chains.futures.with_columns(pl.col("price") + 20))

    with pytest.raises(DataError, match=r"fit a forward of 3,2\d\d.\d\d .*3,245\.50"):
        chain_of(shifted, THREE_PM)


def test_stale_quotes_are_left_out(chains):
    late = THREE_PM + 30 * 1_000_000_000
    found = chain_of(chains, late, rules=QuoteRules(stale_minutes=0), check_parity=False)

    assert found.used.height == 0


def test_a_moment_without_any_quote_and_an_expiry_that_is_not_listed_are_refused(chains):
    with pytest.raises(DataError, match="Name a later moment"):
        chain_of(chains, chains.quotes["ts"].min() - 1)
    with pytest.raises(DataError, match="Listed: 2020-03-20, 2020-06-19"):
        chain_of(chains, THREE_PM, expiry=date(2020, 1, 17))


def test_a_slice_that_cannot_be_fitted_keeps_the_last_good_one_and_says_so(chains):
    chain = chain_of(chains, THREE_PM)
    good = fit_surface(chain.options, THREE_PM)
    few = chain.options.filter((pl.col("expiry") == chain.expiries[1]) | (pl.col("strike") > 3_480))
    later = fit_surface(few, THREE_PM + 60_000_000_000, last=good)

    assert good.complete
    assert not later.complete
    assert later.slices[chain.expiries[0]] is good.slices[chain.expiries[0]]
    assert "usable quotes" in later.kept[chain.expiries[0]]
