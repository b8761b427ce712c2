"""Names of features: what is wanted, sorted by timeframe, with what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from qe_plugins.errors import FeatureError
from qe_plugins.features.catalogue import OTHER_TIMEFRAMES, TIMEFRAMES, USES, entry_of
from qe_plugins.features.frames import MINUTE, MINUTES
from qe_plugins.plugins.types import Family

DAY_LENGTH = 1_440 * MINUTE


def lookback_of(name: str, families: Mapping[str, Family]) -> int:
    """Return how many bars of its timeframe a feature needs, the present one included.

    Raises FeatureError for an unknown name.
    """
    family = families.get(name.partition(".")[2])
    return family.lookback if family is not None else entry_of(name).lookback


class Wanted:
    """Features by name. Raises FeatureError with a suggestion for an unknown one.

    `windows` has the names of the kernel's features by timeframe, without it; `across` those across
    timeframes; `own` the registered families by name and timeframe. `names` are those asked for.
    """

    def __init__(self, names: Iterable[str], families: Mapping[str, Family] | None = None) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.windows: dict[str, list[str]] = {}
        self.across: list[str] = []
        self.own: dict[str, tuple[str, Family]] = {}
        self.families = families = families or {}
        others = [f"1m.{name}" for name in families]
        for name in self.names:
            frame, _, rest = name.partition(".")
            if rest in families and frame in (*TIMEFRAMES, *OTHER_TIMEFRAMES):
                self.own[name] = frame, families[rest]
                continue
            entry_of(name, others)
            if frame == "across":
                self.across.append(rest)
                for part in USES.get(rest, ()):
                    self._add(part)
            else:
                self._add(name)

    @property
    def timeframes(self) -> list[str]:
        """Return the timeframes that are needed."""
        frames = [*self.windows, *(frame for frame, _ in self.own.values())]
        if "overnight_gap" in self.across:
            frames.append("1d")
        return list(dict.fromkeys(frames))

    def check_bars(self, minutes: int) -> None:
        """Raise FeatureError where a timeframe is shorter than bars of so many minutes."""
        for frame in self.timeframes:
            if frame in MINUTES and (MINUTES[frame] % minutes or MINUTES[frame] < minutes):
                raise FeatureError(
                    f"features of {frame} cannot be computed from bars of {minutes} minutes.",
                    hint="Run on one-minute bars, or name a longer timeframe.",
                )

    def check_length(self, start: int, end: int) -> None:
        """Raise FeatureError where a feature needs more bars than data from `start` to `end` has.

        Both are UTC nanoseconds. What trades round the clock has the most bars that there can be.
        """
        needs = {name: lookback_of(name, self.families) for name in self.names}
        for name, need in needs.items():
            frame = name.partition(".")[0]
            if frame == "across":
                continue
            if frame in MINUTES:
                most = (end - start) // (MINUTES[frame] * MINUTE) + 1
            else:
                most = (end - start) * 5 // (7 * DAY_LENGTH) + 2
            if need > most:
                first, last = (f"{datetime.fromtimestamp(t / 1e9, UTC):%Y-%m-%d}"
                               for t in (start, end))  # fmt: skip
                message = f"{name} needs {need} bars of {frame}, the data has at most {most}"
                hint = "Start the data earlier, or name a shorter window."
                raise FeatureError(f"{message}, from {first} to {last}.", hint=hint)

    def _add(self, name: str) -> None:
        frame, _, rest = name.partition(".")
        known = self.windows.setdefault(frame, [])
        if rest not in known:
            known.append(rest)
