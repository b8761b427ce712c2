"""Every wrong figure in a sentence is refused, and next to no right one."""

from __future__ import annotations

import random

import pytest

from qe_plugins.fleet.patterns import checked

FACTS = {
    "momentum": 1.52,
    "trend_t": -3.1,
    "place": 0.86,
    "volume_ratio": 1.34,
    "win_rate": 0.534,
    "trades": 1_240.0,
    "mean_r": 0.073,
    "deviation_bps": 4.7,
    "stop": 3.0,
}
FORMS = (
    "{name} {value}",
    "{name} is {value} here",
    "a {name} of {value} in this window",
    "The {name} stands at {value}, which is enough.",
    "We saw {name}: {value}",
    "with {name} at {value} nothing more is needed",
    "{name} ({value}) says so",
    "{name} = {value}",
)


def written(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def sentences(seed: int, count: int) -> list[tuple[str, bool]]:
    """Return sentences of one to three figures, and whether all are right."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        names = rng.sample(sorted(FACTS), rng.randint(1, 3))
        wrong = rng.randrange(len(names)) if number % 2 else None
        parts = []
        for n, name in enumerate(names):
            value, digits = FACTS[name], rng.choice((1, 2, 3))
            if n == wrong:
                value = _changed(rng, name, digits)
            shown = rng.choice((name, name.replace("_", " ")))
            parts.append(rng.choice(FORMS).format(name=shown, value=written(value, digits)))
        found.append(("; ".join(parts), wrong is None))
    return found


def _changed(rng: random.Random, name: str, digits: int) -> float:
    """Return another value, wrong also at the precision to which it is written."""
    value = FACTS[name]
    others = [one for one in FACTS.values() if written(one, digits) != written(value, digits)]
    steps = (value + rng.choice((-1, 1)) * rng.randint(1, 9) * 10**-digits, -value, value * 10)
    return rng.choice((rng.choice(others), *(s for s in steps if s != value)))


def test_of_two_hundred_sentences_all_wrong_ones_are_refused_and_no_right_one():
    made = sentences(seed=7, count=200)

    wrongly_held = [text for text, right in made if not right and checked(text, FACTS).held]
    wrongly_refused = [text for text, right in made if right and not checked(text, FACTS).held]

    assert wrongly_held == []
    assert len(wrongly_refused) <= 1, wrongly_refused


@pytest.mark.parametrize(
    "sentence",
    [
        "momentum 1.52 exceeds place 0.86 by 0.66",
        "the difference between momentum and place is 0.66",
        "win_rate is 53.4%",
        "1,240 trades with a mean R of 0.073",
        "trades reached 1.24k",
        "trend_t of -3.1 and volume ratio 1.3",
        "the ratio of momentum to place is 1.77",
        "the stop is three true ranges",
        "no figures at all",
        "deviation_bps 4.7 bps",
    ],
)
def test_a_right_sentence_holds(sentence):
    assert checked(sentence, FACTS).held, checked(sentence, FACTS).wrong


@pytest.mark.parametrize(
    "sentence",
    [
        "momentum is 0.86",
        "place 1.52 and momentum 0.86",
        "it will rise 40 points",
        "the momentum doubled to two",
        "win_rate is 54%",
        "trend_t of 3.1",
        "momentum 1.5 since 2013",
        "momentum exceeds place by 0.8",
        "stop is one",
        "momentum 1.52 places us at 4,012.25",
        "momentum 1.520001",
        "trades 1.24m",
        "one hundred trades",
    ],
)
def test_a_wrong_sentence_is_refused(sentence):
    assert not checked(sentence, FACTS).held
