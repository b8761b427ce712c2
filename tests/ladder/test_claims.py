"""A claim that names a book of factors has its lockbox and its significance from that book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qe_plugins import wall_clock
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.claims import LOCKBOX_RUN, filed_claim
from qe_plugins.ladder.rungs import load_ladder
from qe_plugins.research.factors.book import BookClaim, BookFactor, FactorBook, write
from qe_plugins.research.factors.lockbox import RUN
from tests.ladder.climber import LADDER
from tests.research.factors.made_book import one_factor


def book(accepted: str = "") -> FactorBook:
    factor = BookFactor("momentum", 1, 1.0, 0.0, 1.0, 0.0, 10.0, accepted)
    return one_factor(lockbox=["2024-01-01", "2024-03-01"], factors=[factor])


def checks(folder: Path, made: FactorBook) -> dict[str, Any]:
    """Return the checks of a claim that names a book."""
    file, claim = folder / "book.yaml", folder / "claim.yaml"
    write(made, file)
    claim.write_text(f"claim: {{edge: 0.2, lockbox: passed, family_wise: true, book: '{file}'}}\n")
    with Journal.open() as journal:
        return filed_claim(journal, load_ladder(LADDER).rules, str(claim)).checks


def opened(made: FactorBook, t: float, spent: list[str]) -> None:
    body = {"book": made.hash, "t": t, "spent": spent}
    fact = Fact(id="lockbox:1", kind=FactKind.LOCKBOX, ts_event=1, source="a test", body=body)
    with Journal.open() as journal:
        journal.write_run(f"{RUN}{made.hash}", made.name, wall_clock.now(), [fact])


def test_the_lockbox_is_unopened_whatever_the_claim_says(tmp_path: Path) -> None:
    assert checks(tmp_path, book())["lockbox"] == "unopened"


@pytest.mark.parametrize(
    ("t", "spent", "state"),
    [(2.0, [], "passed"), (1.0, [], "failed"), (2.0, ["another"], "failed")],
)
def test_the_lockbox_is_what_the_journal_has(
    tmp_path: Path, t: float, spent: list[str], state: str
) -> None:
    opened(book(), t, spent)
    assert checks(tmp_path, book())["lockbox"] == state


def test_a_factor_that_a_person_accepted_is_not_family_wise(tmp_path: Path) -> None:
    assert checks(tmp_path, book())["family_wise"] is True
    other = tmp_path / "other"
    other.mkdir()
    assert checks(other, book("a good story"))["family_wise"] is False


def test_a_book_is_the_file_of_its_own_claim(tmp_path: Path) -> None:
    claim = BookClaim(
        edge=0.1, sd=0.7, a_day=3.5, family_wise=True, deflated_sharpe=0.9, capacity=4
    )
    made = one_factor(claim=claim)
    write(made, tmp_path / "book.yaml")
    opened(made, 2.0, [])
    rules = load_ladder(LADDER).rules
    with Journal.open() as journal:
        found = filed_claim(journal, rules, str(tmp_path / "book.yaml"))
    assert found.edge == pytest.approx(0.1 * rules.shrink)
    assert found.checks["lockbox"] == "passed"
    assert found.checks["family_wise"] is True


def test_a_file_that_is_no_book_is_an_error(tmp_path: Path) -> None:
    claim = tmp_path / "claim.yaml"
    claim.write_text(f"claim: {{edge: 0.2, book: '{claim}'}}\n")
    with Journal.open() as journal, pytest.raises(ConfigError, match="is not a book of factors"):
        filed_claim(journal, load_ladder(LADDER).rules, str(claim))


def test_both_sides_name_the_runs_of_lockboxes_alike() -> None:
    assert LOCKBOX_RUN == RUN
