"""The vote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.arbiter_vote import ArbiterVote, ArbiterVoteConfig
from qe_plugins import Side, Signal

Vote = Callable[..., Signal]


@pytest.fixture
def resolve(qe_plugins: Callable[..., Any]) -> Callable[..., Signal | None]:
    """Return a function that puts votes to an arbiter."""

    def ask(*votes: Signal, **config: Any) -> Signal | None:
        arbiter = ArbiterVote(ArbiterVoteConfig(**config))
        [answer] = qe_plugins(arbiter).call("resolve_signals", signals=list(votes))
        assert answer.error is None
        return answer.value

    return ask


@pytest.fixture
def long(qe_signal: Vote) -> Vote:
    """Return a function that makes a vote for LONG by somebody."""
    return lambda source="ann", **more: qe_signal(side="LONG", source=source, **more)


@pytest.fixture
def short(qe_signal: Vote) -> Vote:
    """Return a function that makes a vote for SHORT by somebody."""
    return lambda source="bob", **more: qe_signal(side="SHORT", source=source, **more)


def test_a_single_vote_wins(resolve: Any, long: Vote) -> None:
    assert resolve(long()).side is Side.LONG


def test_the_majority_wins(resolve: Any, long: Vote, short: Vote) -> None:
    assert resolve(long("ann"), short("bob"), short("eve")).side is Side.SHORT


def test_a_tie_is_no_signal(resolve: Any, long: Vote, short: Vote) -> None:
    assert resolve(long(), short()) is None


def test_confidence_is_weight(resolve: Any, long: Vote, short: Vote) -> None:
    assert resolve(long(confidence=0.9), short(confidence=0.3)).side is Side.LONG


def test_a_plugin_can_weigh_more_than_another(resolve: Any, long: Vote, short: Vote) -> None:
    assert resolve(long("ann"), short("bob"), weights={"bob": 3.0}).side is Side.SHORT


def test_votes_without_weight_decide_nothing(resolve: Any, long: Vote) -> None:
    assert resolve(long(confidence=0.0)) is None


def test_too_few_voters_are_no_quorum(resolve: Any, long: Vote) -> None:
    assert resolve(long("ann"), quorum=2) is None
    assert resolve(long("ann"), long("eve"), quorum=2) is not None


def test_one_voter_is_one_voter_however_often_he_votes(resolve: Any, long: Vote) -> None:
    assert resolve(long("ann"), long("ann"), quorum=2) is None


def test_a_larger_majority_can_be_asked_for(resolve: Any, long: Vote, short: Vote) -> None:
    votes = long("ann"), long("eve"), short("bob")

    assert resolve(*votes, majority=0.7) is None
    assert resolve(*votes, majority=0.6).side is Side.LONG


def test_the_strongest_of_the_winners_lends_its_prices_and_the_reason_says_how_it_went(
    resolve: Any, long: Vote, short: Vote
) -> None:
    weak = long("ann", confidence=0.5, stop="4740")
    strong = long("eve", confidence=1.0, stop="4745", reason="a new high")

    verdict = resolve(weak, strong, short("bob", confidence=0.5))

    assert verdict.stop == strong.stop
    assert verdict.reason == "2 of 3 voted LONG with 75% of the weight; eve: a new high"
