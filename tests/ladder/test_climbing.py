"""Up by evidence and a person, down by itself, and never up in doubt."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import make_url

from qe_plugins import state_dir, wall_clock
from qe_plugins.errors import ConfigError, LadderError
from qe_plugins.halt.facts import record_run
from qe_plugins.journal.facts import FactKind
from qe_plugins.ladder.criteria import missing
from qe_plugins.ladder.decay import bracket_outcomes
from qe_plugins.ladder.demotions import demote
from qe_plugins.ladder.evidence import evidence_of
from qe_plugins.ladder.proposals import carry, confirm, propose
from tests.ladder.climber import NAME, Climber, later


def good(count: int, seed: int = 1) -> list[float]:
    """Return outcomes of an edge of 0.9 R."""
    return bracket_outcomes(np.random.default_rng(seed), 0.9, (count,)).tolist()


def tamper(statement: str) -> None:
    """Change the journal's file behind its back."""
    file = make_url(state_dir.journal_url()).database
    assert file is not None
    with sqlite3.connect(file) as database:
        database.execute(statement)


def on_one_mes_with_evidence(climber: Climber) -> None:
    climber.up()
    for number in range(2):
        climber.session(good(40, seed=number), parity="clean")


def test_the_first_rung_is_proposed_and_binds_only_once_confirmed(climber: Climber) -> None:
    made = propose(climber.journal, climber.file)
    assert (climber.rung, climber.now().standing.state) == ("backtest", "proposed")
    confirm(climber.journal, made.id)
    assert (climber.rung, climber.now().standing.state) == ("1 MES", "on rung")


def test_evidence_parity_and_sessions_lead_to_the_next_rung(climber: Climber) -> None:
    on_one_mes_with_evidence(climber)
    assert missing(climber.now().criteria) == []
    assert climber.up() == "5 MES"


def test_the_same_evidence_goes_on_across_rungs(climber: Climber) -> None:
    on_one_mes_with_evidence(climber)
    before = climber.now().measured.evidence.value
    climber.up()
    assert climber.now().measured.evidence.value == before
    assert climber.now().measured.on_rung == []


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"lockbox": "unopened"}, "lockbox"),
        ({"family_wise": False}, "family_wise"),
        ({"deflated_sharpe": 0.90}, "deflated_sharpe"),
        ({"capacity": 5}, "capacity"),
        ({"contaminated": True}, "contaminated"),
        ({"edge": -0.1}, "edge"),
    ],
)
def test_a_claim_that_lacks_something_opens_no_rung(
    tmp_path: Path, change: dict[str, object], lacks: str
) -> None:
    climber = Climber(tmp_path, **change)
    with pytest.raises(LadderError, match=rf"not proposed: {lacks}"):
        propose(climber.journal, climber.file)


def test_a_confirmation_needs_a_proposal(climber: Climber) -> None:
    with pytest.raises(LadderError, match="no proposal '2020'"):
        confirm(climber.journal, "2020")


@pytest.mark.parametrize("text", ["last", NAME, "2"])
def test_a_proposal_is_named_as_a_run_is(climber: Climber, text: str) -> None:
    made = propose(climber.journal, climber.file)
    confirmed = confirm(climber.journal, text)
    assert confirmed.transition.after == made.transition.after


def test_a_proposal_of_another_version_is_not_confirmed(climber: Climber) -> None:
    made = propose(climber.journal, climber.file)
    climber.configure(reward=3.0)
    with pytest.raises(LadderError, match="was made for version"):
        confirm(climber.journal, made.id)


def test_a_criterion_that_has_lapsed_stops_the_confirmation(climber: Climber) -> None:
    on_one_mes_with_evidence(climber)
    made = propose(climber.journal, climber.file)
    climber.session([], parity="explained")
    with pytest.raises(LadderError, match="a criterion has lapsed since: parity_clean: 0"):
        confirm(climber.journal, made.id)


def test_an_account_below_the_rung_is_refused(climber: Climber) -> None:
    made = propose(climber.journal, climber.file)
    with pytest.raises(LadderError, match="1 MES asks for 5,000 USD, the account has 4,999 USD"):
        confirm(climber.journal, made.id, equity=Decimal(4_999))


def test_a_changed_ladder_stops_promotions_and_not_demotions(climber: Climber) -> None:
    climber.up()
    climber.ladder_file.write_text(
        climber.ladder_file.read_text().replace("trades: 60", "trades: 1")
    )
    with pytest.raises(LadderError, match=r"has changed since climber came on 1 MES"):
        propose(climber.journal, climber.file)
    demote(climber.journal, climber.ladder, NAME, "a test", "ann")
    assert climber.rung == "backtest"


def test_a_journal_that_does_not_verify_promotes_nothing_and_demotes(climber: Climber) -> None:
    climber.up()
    climber.session([1.0], parity="clean")
    tamper("DELETE FROM facts WHERE id = 'trade:T-1'")
    with pytest.raises(LadderError, match="the journal does not verify"):
        propose(climber.journal, climber.file)
    demote(climber.journal, climber.ladder, NAME, "a test", "ann")
    assert climber.rung == "backtest"


def test_a_clock_set_back_promotes_nothing(
    climber: Climber, monkeypatch: pytest.MonkeyPatch
) -> None:
    climber.up()
    past = later(-3_600)
    monkeypatch.setattr(wall_clock, "now", lambda: past)
    with pytest.raises(LadderError, match="the clock is before the last change"):
        propose(climber.journal, climber.file)


def test_a_red_parity_check_demotes_at_once_and_once(climber: Climber) -> None:
    climber.up()
    session = climber.session([1.0], parity="red")
    assert climber.settle() == [f"parity_red: session {session}"]
    assert climber.rung == "backtest"
    assert climber.settle() == []


def test_a_clean_check_after_a_red_one_opens_the_rung_again(climber: Climber) -> None:
    climber.up()
    session = climber.session([1.0], parity="red")
    climber.settle()
    with pytest.raises(LadderError, match="parity: red, needs not red"):
        propose(climber.journal, climber.file)
    climber.parity(session, "clean")
    assert climber.up() == "1 MES"
    assert climber.now().standing.starts == 2


def test_a_restart_begins_at_one_and_needs_more(climber: Climber) -> None:
    on_one_mes_with_evidence(climber)
    demote(climber.journal, climber.ladder, NAME, "a test", "ann")
    climber.up()
    found = climber.now()
    assert found.measured.evidence.value == 1
    needed = next(one.needed for one in found.criteria if one.name == "evidence")
    assert needed == "6 (3 x 2 starts)"


@pytest.mark.parametrize(
    ("halt", "cause"),
    [
        ("daily_loss", "daily_loss"),
        ("book", "unexplained_position"),
        ("protection", "stop_missing"),
    ],
)
def test_a_halt_of_a_session_demotes(climber: Climber, halt: str, cause: str) -> None:
    climber.up()
    climber.session([1.0], halt=halt)
    assert climber.settle() == [f"{halt}: a test"]
    assert climber.rung == "backtest"
    last = climber.now().standing.last
    assert last is not None
    assert last.transition.handled[0].startswith(f"{cause}:")


HOUR = 3_600


def test_a_posture_that_stays_expired_demotes_after_a_day(climber: Climber) -> None:
    climber.up()
    climber.at(later(-23 * HOUR))
    climber.session([1.0], halt="expired_posture")
    assert climber.settle() == []
    assert climber.rung == "1 MES"
    climber.at(later(-25 * HOUR))
    climber.session([1.0], halt="expired_posture")
    assert climber.settle() == ["expired_posture: a test"]
    assert climber.rung == "backtest"


def test_a_posture_that_was_renewed_within_a_day_does_not(climber: Climber) -> None:
    climber.up()
    climber.at(later(-48 * HOUR))
    climber.session([1.0], halt="expired_posture", resumed_after=23 * HOUR)
    assert climber.settle() == []
    climber.at(later(-48 * HOUR))
    climber.session([1.0], halt="expired_posture", resumed_after=24 * HOUR)
    assert climber.settle() == ["expired_posture: a test"]


def test_a_resume_by_the_command_ends_an_expired_posture(climber: Climber) -> None:
    climber.up()
    climber.at(later(-2 * HOUR))
    climber.session([1.0], halt="expired_posture")
    assert record_run(FactKind.RESUME, "person", {"reason": "renewed"}) is None
    [session] = climber.now().records.sessions
    [(begun, ended)] = session.halted.values()
    assert ended is not None
    assert HOUR <= (ended - begun) // 1_000_000_000 < 24 * HOUR


def test_a_halt_by_a_person_does_not(climber: Climber) -> None:
    climber.up()
    climber.session([1.0], halt="person")
    assert climber.settle() == []


def test_a_drawdown_beyond_the_claim_demotes_by_one_rung(climber: Climber) -> None:
    on_one_mes_with_evidence(climber)
    climber.up()
    climber.session([-1.0] * 32)
    [cause] = climber.settle()
    assert cause.startswith("drawdown: 32.0R, the claim's limit is 30.5R")
    assert climber.rung == "1 MES"
    assert climber.settle() == []


def test_fills_of_unknown_cause_pause_until_a_person_confirms(climber: Climber) -> None:
    climber.up()
    climber.session([1.0], external=True)
    assert climber.settle() == ["fills of unknown cause: BUY 1 MESH24"]
    assert climber.now().standing.state == "paused"
    assert climber.up() == "1 MES"
    assert climber.now().standing.state == "on rung"


def test_another_version_in_a_session_demotes_and_starts_again(climber: Climber) -> None:
    on_one_mes_with_evidence(climber)
    climber.up()
    climber.configure(reward=3.0)
    [cause] = climber.settle(version=climber.version)
    assert cause.startswith("code_or_config_changed: ")
    assert climber.rung == "1 MES"
    assert climber.now().measured.evidence.value == 1


def test_a_version_is_carried_only_on_a_clean_parity_check(climber: Climber) -> None:
    climber.up()
    climber.configure(reward=3.0)
    with pytest.raises(LadderError, match="no clean parity check of version"):
        carry(climber.journal, climber.file, "a renamed variable")


def eased(climber: Climber) -> None:
    """Have one winning session with a clean parity check be enough for each rung."""
    text = climber.ladder_file.read_text()
    for old in ("evidence: 10,", "evidence: 40,", "evidence: 100,"):
        text = text.replace(old, "evidence: 1,")
    text = text.replace("trades: 60", "trades: 1").replace("trades: 120", "trades: 1")
    text = text.replace("sessions: 2,", "sessions: 1,").replace("sessions: 40,", "sessions: 1,")
    text = text.replace("2 sessions", "1 sessions").replace("40 sessions", "1 sessions")
    climber.ladder_file.write_text(text.replace("evidence: 3,", "evidence: 1,"))


def up_to_five_es(climber: Climber) -> None:
    eased(climber)
    climber.up()
    for rung in ("5 MES", "1 ES", "5 ES"):
        climber.session([2.0], parity="clean")
        assert climber.up() == rung
    climber.session([2.0], parity="clean")


def test_options_are_added_to_5_es_only_after_a_backtest_of_them(climber: Climber) -> None:
    up_to_five_es(climber)
    with pytest.raises(LadderError, match="options_backtest: missing, needs passed"):
        propose(climber.journal, climber.file)


def test_on_the_rung_of_options_futures_keep_their_limits_and_a_demotion_ends_it(
    tmp_path: Path,
) -> None:
    climber = Climber(tmp_path, options_backtest="passed")
    up_to_five_es(climber)
    below = climber.now().rung.as_limits
    made = propose(climber.journal, climber.file)
    with pytest.raises(LadderError, match="5 ES asks for 250,000 USD"):
        confirm(climber.journal, made.id, equity=Decimal(200_000))

    assert confirm(climber.journal, made.id).transition.after == "options"
    assert climber.ladder.rules.futures_rung(climber.now().place).as_limits == below

    climber.session([-1.0], parity="red")
    climber.settle()
    assert climber.rung == "5 ES"
    climber.journal.close()


def test_a_configuration_without_a_ladder_says_how_to_name_one(climber: Climber) -> None:
    with pytest.raises(ConfigError, match=r"names no ladder\. Write `ladder:"):
        propose(climber.journal, "configs/backtest/quickstart.yaml")


# evidence from the journal alone


def test_evidence_of_a_thousand_trades_is_recomputed_to_the_bit(climber: Climber) -> None:
    climber.up()
    outcomes = [round(one, 2) for one in good(1_000)]
    for start in range(0, 1_000, 250):
        climber.session(outcomes[start : start + 250])
    first, second = climber.now().measured, climber.now().measured
    assert first.evidence.log_value == second.evidence.log_value
    assert first.outcomes == outcomes
    assert evidence_of(first.claim, outcomes).log_value == first.evidence.log_value


@pytest.mark.parametrize("change", ["DELETE FROM facts WHERE id = 'trade:T-2'", "INSERT"])
def test_a_deleted_or_added_trade_does_not_verify(climber: Climber, change: str) -> None:
    climber.up()
    run = climber.session([1.0, 1.0, 1.0])
    if change == "INSERT":
        change = (
            "INSERT INTO facts SELECT run_id, 99, 'trade:T-99', kind, ts_event, source, cause, "
            f"body, hash FROM facts WHERE id = 'trade:T-2' AND run_id = '{run}'"
        )
    tamper(change)
    assert climber.journal.verify()


@pytest.mark.parametrize(
    "more",
    [
        {"mode": "paper"},
        {"account": "DU1234567"},
        {"account": "U7654321"},
        {"contaminated": True},
        *({"vote": one} for one in ("near", "masked-contaminated", "contaminated", "unheard of")),
    ],
)
def test_trades_that_are_not_live_with_real_money_change_nothing(
    climber: Climber, more: dict[str, object]
) -> None:
    climber.up()
    climber.session(good(10))
    before = climber.now().measured
    climber.session(good(50), **more)  # type: ignore[arg-type]
    after = climber.now().measured
    assert after.evidence.log_value == before.evidence.log_value
    assert after.outcomes == before.outcomes


def test_trades_of_clean_recorded_votes_are_evidence(climber: Climber) -> None:
    climber.up()
    before = climber.now().measured
    climber.session(good(10), vote="clean")
    assert len(climber.now().measured.outcomes) == len(before.outcomes) + 10


def test_trades_held_at_the_same_time_are_one_outcome(climber: Climber) -> None:
    climber.up()
    climber.session([-1.0, -1.0, 0.5], overlapping=True)
    assert climber.now().measured.outcomes == [-1.5]


def test_model_costs_come_out_of_every_result(climber: Climber) -> None:
    climber.up()
    climber.session([0.05], cost="3")
    assert climber.now().measured.outcomes == pytest.approx([-0.01])


def test_an_edge_below_its_model_costs_never_leaves_the_first_rung(climber: Climber) -> None:
    climber.up()
    outcomes = bracket_outcomes(np.random.default_rng(9), 0.05, (600,)).tolist()
    for start in range(0, 600, 300):
        climber.session(outcomes[start : start + 300], cost="3", parity="clean")
    lacking = missing(climber.now().criteria)
    assert [one.split(":")[0] for one in lacking] == ["evidence"]
