"""An e-process written on its own, from the formulas: capital, not its logarithm, as a list."""

from __future__ import annotations

LOW, HIGH = -1.3, 2.3


def e_values(outcomes: list[float], claimed: float, sd: float) -> list[float]:
    """Return the e-value after each outcome: the mean of the capitals of two gamblers."""
    width = HIGH - LOW
    zero = (0 - LOW) / width
    most = 1 / (2 * zero)
    steady = 1.0
    adaptive = 1.0
    seen: list[float] = []
    spread: list[float] = []
    found = []
    steady_bet = min(max(claimed / (2 * sd * sd), 0) * width, most)
    for outcome in outcomes:
        unit = (outcome - LOW) / width if outcome < HIGH else 1.0
        mean = (0.5 + sum(seen)) / (len(seen) + 1)
        variance = (0.25 + sum(spread)) / (len(seen) + 1)
        kelly = (mean - zero) / (variance + (mean - zero) ** 2)
        adaptive_bet = 0.0 if kelly < 0 else most if kelly > most else kelly
        adaptive = adaptive * (1 + adaptive_bet * (unit - zero))
        steady = steady * (1 + steady_bet * (unit - zero))
        seen = [*seen, unit]
        center = (0.5 + sum(seen)) / (len(seen) + 1)
        spread = [*spread, (unit - center) ** 2]
        found.append((steady + adaptive) / 2)
    return found
