"""Which features a run computes: the union over its plugins, their YAML and its strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qe_plugins.errors import FeatureError

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.running.components import Component
    from qe_plugins.features.feed import FeatureFeed
    from qe_plugins.features.names import Wanted
    from qe_plugins.features.trigger import FeatureTrigger
    from qe_plugins.plugins import PluginManager

TIMEFRAMES = {("1", "MINUTE"): "1m", ("5", "MINUTE"): "5m", ("15", "MINUTE"): "15m",
              ("60", "MINUTE"): "1h", ("1", "HOUR"): "1h"}  # fmt: skip


@dataclass(frozen=True)
class FeaturePlan:
    """What a run computes: features, triggers by plugin, and the timeframe of its bars.

    `declared` are the names that each plugin declares, those of its trigger included.
    """

    wanted: Wanted
    triggers: Mapping[str, FeatureTrigger]
    base: str
    declared: Mapping[str, tuple[str, ...]]

    def feed(self, tape: Tape) -> FeatureFeed:
        """Return a feed for the contracts of a tape. Loads the kernel, which takes a second."""
        from qe_plugins.features.feed import FeatureFeed, ListedContract
        from qe_plugins.features.series import load_kernel

        load_kernel()
        contracts = [
            ListedContract(str(one.id), one.underlying, one.expiration_ns) for one in tape.contracts
        ]
        return FeatureFeed(self.wanted, contracts, self.base, self.triggers)


def feature_plan(
    plugins: PluginManager, components: Iterable[Component], bars: str
) -> FeaturePlan | None:
    """Return what a run has to compute, None where it names no feature.

    `bars` is the bar specification, `1-MINUTE-LAST`. Raises FeatureError with the plugin's name for
    an unknown feature, a wrong trigger, or a timeframe shorter than the bars.
    """
    named = plugins.wanted_features()
    by_owner = [(f"plugin {name}", tuple(names)) for name, names, _ in named]
    by_owner += [(f"strategy {one.name}", one.features) for one in components]
    texts = {name: trigger for name, _, trigger in named if trigger}
    if not texts and not any(names for _, names in by_owner):
        return None
    from qe_plugins.features.families import families_of
    from qe_plugins.features.names import Wanted
    from qe_plugins.features.trigger import FeatureTrigger

    triggers = {name: FeatureTrigger(text, f"plugin {name}") for name, text in texts.items()}
    by_owner += [(f"plugin {name}", one.names) for name, one in triggers.items()]
    families = families_of(plugins.call("register_features"))
    minutes = _minutes(bars)
    for where, names in by_owner:
        hint = "A family of a plugin is known where `plugins:` names the plugin."
        try:
            wanted = Wanted(names, families)
            hint = ""
            wanted.check_bars(minutes)
        except FeatureError as error:
            hint = " ".join(filter(None, (error.hint, hint)))
            raise FeatureError(error.message, where=where, hint=hint) from error
    every = [name for _, names in by_owner for name in names]
    declared = {
        name: tuple(dict.fromkeys([*names, *(triggers[name].names if name in triggers else ())]))
        for name, names, _ in named
    }
    return FeaturePlan(Wanted(every, families), triggers, _base(bars), declared)


def _minutes(bars: str) -> int:
    from qe_plugins.features.frames import MINUTES

    return MINUTES[_base(bars)]


def _base(bars: str) -> str:
    step, unit = [*bars.split("-"), "", ""][:2]
    if (step, unit) not in TIMEFRAMES:
        known = ", ".join(f"{step}-{unit}-LAST" for step, unit in TIMEFRAMES)
        raise FeatureError(f"no features of bars of {bars}.", hint=f"There are those of {known}.")
    return TIMEFRAMES[step, unit]
