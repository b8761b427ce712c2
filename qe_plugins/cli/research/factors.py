"""`qe factors`: test features as factors, and show what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from qe_plugins.cli.cluster.options import engine_options
from qe_plugins.cli.output import (
    echo,
    file_argument,
    json_option,
    print_json,
    print_rows,
    set_option,
)
from qe_plugins.cli.progress import progress, working
from qe_plugins.cli.research import factor_books
from qe_plugins.cli.research.factor_data import parts_of, prepared
from qe_plugins.cli.research.factor_view import print_factors, print_parts, print_result

if TYPE_CHECKING:
    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.research.factors.breakdown import Part

workers_option = click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Worker processes."
)


@click.group()
def factors() -> None:
    """Test features as factors: odd months propose them, even months confirm them."""


@factors.command()
@file_argument
@set_option
@workers_option
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of features, or an s3:// URL.  [default: features/NAME in the state folder]",
)
@engine_options
@json_option
def test(
    file: Path,
    overrides: tuple[str, ...],
    workers: int,
    store: Path | None,
    cluster: Cluster | None,
    as_json: bool,
) -> None:
    """Test the features of FILE in both halves of its months.

    Features are computed into a store, here or on a cluster, which later tests use again. Every
    feature that is tested is recorded in the journal as a trial. Exit code 0 whatever was found.
    """
    from datetime import UTC, datetime

    from qe_plugins.journal.facts import run_id_of
    from qe_plugins.journal.store import Journal
    from qe_plugins.report import factor_page
    from qe_plugins.research.factors import factor_test, result_store

    started = datetime.now(UTC)
    Journal.check()
    settings, names, data, folder = prepared(file, overrides, workers, store, cluster)
    with working(f"testing {len(names):,} features in both halves"):
        result = factor_test.run(settings, names, data, folder)
    result = msgspec.structs.replace(result, config=str(file), overrides=list(overrides))
    run = run_id_of(started, settings.name)
    page = factor_page.render(run, result)
    result_store.register(run, started, result)  # a result that is shown counts as tried
    place = result_store.write(run, result, page)
    print_result(place, result, as_json)


@factors.command()
@file_argument
@set_option
@workers_option
@click.option(
    "--rotations",
    type=click.IntRange(20, 10_000),
    default=200,
    show_default=True,
    help="How many times labels are moved by whole sessions.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Draws other rotations.")
@json_option
def placebo(
    file: Path,
    overrides: tuple[str, ...],
    workers: int,
    rotations: int,
    seed: int,
    as_json: bool,
) -> None:
    """Repeat the test of FILE with labels that no feature can predict.

    Labels are moved by whole sessions within each half, so that what survives is chance. Nothing is
    recorded as a trial.
    """
    import numpy as np

    from qe_plugins.research.factors.placebo import rotate, standardized

    settings, names, data, store = prepared(file, overrides, workers)
    with working(f"rotating labels {rotations:,} times"):
        tested, z = standardized(data, names, store)
        found = rotate(data, tested, z, rotations, settings.level.survive, seed)
    if as_json:
        print_json({"p_value": found.p_value, "placebo": found})
        return
    low, middle, high = np.quantile(found.counts, [0.05, 0.5, 0.95])
    echo(f"{settings.name}: {found.observed} of {len(tested):,} features hold in both halves")
    echo(
        f"with labels moved by whole sessions {np.mean(found.counts):.2f} do (median {middle:.0f}, "
        f"5% to 95%: {low:.0f} to {high:.0f}; {rotations} rotations)"
    )
    echo(f"as many or more in {found.p_value:.1%} of rotations")


@factors.command()
@click.argument("run", default="last")
@click.argument("factor", required=False)
@click.option(
    "--by",
    type=click.Choice(("year", "month", "hour", "root", "volatility")),
    help="Divide FACTOR, without it the strongest: a report, and no ground to choose on.",
)
@json_option
def show(run: str, factor: str | None, by: Part | None, as_json: bool) -> None:
    """Show a test: `last`, its id or a prefix; or one FACTOR of it."""
    from qe_plugins.errors import ReportError
    from qe_plugins.research.factors import result_store

    place = result_store.find(run)
    result = result_store.read(place)
    if factor is None and by is not None:
        factor = result.factors[0].name
    if factor is None:
        print_result(place, result, as_json)
        return
    found = [one for one in result.factors if one.name == factor]
    if not found:
        reason = result.untested.get(factor)
        message = f"'{factor}' was not tested" + (f": {reason}." if reason else ".")
        raise ReportError(message, hint="`qe factors show --json` lists what was.")
    if by is not None:
        print_parts(factor, by, parts_of(result, factor, by), as_json)
    elif as_json:
        print_json(found[0])
    else:
        print_factors(found)


@factors.command()
@file_argument
@set_option
@workers_option
@click.option(
    "--tapes",
    type=click.IntRange(2, 1_000),
    default=20,
    show_default=True,
    help="How many generated histories to test.",
)
@json_option
def calibrate(
    file: Path, overrides: tuple[str, ...], workers: int, tapes: int, as_json: bool
) -> None:
    """Run the test of FILE on generated histories that have no edge.

    FILE must have generated data; each history has a seed of its own. A family-wise factor in many
    of them would mean that the test finds what is not there. No trial is recorded.
    """
    from qe_plugins.research.factors import factor_test
    from qe_plugins.research.factors.settings import load

    loaded = load(file, overrides)
    made = loaded.settings.data.synthetic
    if made is None:
        raise loaded.error("calibration needs generated data.", "data", hint="Name 'synthetic:'.")
    found: list[tuple[int, int, int, int]] = []
    with progress("calibrating", "histories") as advance:
        for seed in range(made.seed, made.seed + tapes):
            advance(len(found), tapes)
            own = (f"data.synthetic.seed={seed}", f"name={loaded.settings.name}-{seed}")
            settings, names, data, store = prepared(file, (*overrides, *own), workers)
            result = factor_test.run(settings, names, data, store)
            survivors, wise = len(result.survivors), len(result.family_wise)
            found.append((seed, survivors, wise, result.naive_survivors))
    mean = sum(row[1] for row in found) / tapes
    wrong = sum(row[2] > 0 for row in found)
    if as_json:
        rows = [
            dict(zip(("seed", "survivors", "family_wise", "naive"), r, strict=True)) for r in found
        ]
        print_json({"mean_survivors": mean, "with_family_wise": wrong, "tapes": rows})
        return
    print_rows(("seed", "survivors", "family-wise", "overlapping labels counted"), found)
    echo(f"mean {mean:.2f} survivors; {wrong} of {tapes} have a family-wise factor")


@factors.command()
@json_option
def trials(as_json: bool) -> None:
    """Count the trials of the journal: sweeps and factor tests together."""
    from qe_plugins.research.factors import result_store

    rows = result_store.trials()
    total = sum(count for _, count in rows)
    if as_json:
        print_json({"trials": total, "runs": [{"run": r, "trials": n} for r, n in rows]})
    elif rows:
        print_rows(("run", "trials"), rows)
        echo(f"{total:,} trials: a significance test has to count them all")
    else:
        echo("no trial yet: `qe factors test FILE` and `qe sweep FILE` record them")


for _command in (factor_books.combine, factor_books.open_lockbox, factor_books.backtest):
    factors.add_command(_command)
