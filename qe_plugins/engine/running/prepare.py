"""Open the data, import classes, activate plugins, check everything before an engine exists."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qe_plugins import plugins as manager
from qe_plugins import state_dir
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.engine.contracts.terms import ContractTerms, contract_terms
from qe_plugins.engine.rolling.front import Front
from qe_plugins.engine.rolling.roll_points import roll_points
from qe_plugins.engine.running.account_checks import check_currency, check_netting
from qe_plugins.engine.running.availability import AvailableData
from qe_plugins.engine.running.components import KINDS, Component, components
from qe_plugins.engine.running.feature_plan import FeaturePlan, feature_plan
from qe_plugins.engine.settings.entries import entries, front_id, texts
from qe_plugins.engine.settings.nautilus_config import check_account
from qe_plugins.errors import DataError
from qe_plugins.market.sessions import trading_window
from qe_plugins.plugins import PluginManager

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.plugins.base import PluginConfig


@dataclass(frozen=True)
class PreparedRun:
    """A run that could start. `terms` (margins and fees) and `fronts` are by root."""

    loaded: Loaded
    tape: Tape
    available_data: AvailableData
    terms: dict[str, ContractTerms]
    components: list[Component]
    plugins: PluginManager
    fronts: dict[str, Front]
    features: FeaturePlan | None = None


def prepare(
    loaded: Loaded,
    plugins: PluginManager | None = None,
    tape: Tape | None = None,
    files: Sequence[Path] | None = None,
) -> PreparedRun:
    """Open the data, import every class, activate every plugin. Raises QeError with the place.

    `plugins` replace those that the configuration names, `tape` its data, and `files` the Databento
    files from which the data was imported.
    """
    check_account(loaded)
    plugins = activated(loaded) if plugins is None else plugins
    every_component = [one for section in KINDS for one in components(loaded, section)]
    check_netting(loaded, every_component)
    for component in every_component:
        component.check_rung(loaded.config.rung)
    features = feature_plan(plugins, every_component, loaded.config.data.bars)
    if tape is None:
        tape = open_tape(loaded.config.data, lambda key: loaded.where("data", key))
    elif loaded.config.data.options is not None and not tape.options:
        raise loaded.error(
            "options are traded in backtests only.",
            "data",
            "options",
            hint="Remove 'options' from 'data' for this command.",
        )
    check_currency(loaded, tape.contracts)
    if features is not None:
        features.wanted.check_length(tape.start, tape.end)
    for component in every_component:
        component.check_data(tape)
    fronts = _fronts(loaded, tape, every_component, files_of(loaded) if files is None else files)
    available_data = AvailableData(
        [str(contract.id) for contract in tape.contracts]
        + [one.id for one in tape.options]
        + [front.id for front in fronts.values()],
        tape.bar_types + [front.bar_type for front in fronts.values()],
        {front.id: front.root for front in fronts.values()},
    )
    for section in KINDS:
        for entry in entries(loaded, section):
            available_data.check_settings(loaded, entry)
    _check_slippage(loaded)
    _check_options(loaded)
    if loaded.config.fills.rules == "exchange":
        for root in {contract.underlying for contract in tape.contracts}:
            trading_window(root, tape.start)  # read its calendar now, not at the first order
    roots = {str(contract.id): contract.underlying for contract in tape.contracts}
    sized = {one.name for one in every_component if getattr(one.author, "sized_by_desk", False)}
    check_rung(loaded, roots | available_data.fronts, sized)
    terms = contract_terms(loaded, tape.contracts, tape.start, tape.end)
    return PreparedRun(
        loaded, tape, available_data, terms, every_component, plugins, fronts, features
    )


def _check_slippage(loaded: Loaded) -> None:
    """Raise ConfigError where slippage is set and Nautilus' own rules fill, which have none."""
    if loaded.config.fills.rules == "nautilus" and loaded.config.slippage.model != "none":
        raise loaded.error(
            f"slippage is {loaded.config.slippage.model}, and Nautilus' own rules know none of it.",
            "fills",
            "rules",
            hint="Write `slippage: {model: none}` beside `rules: nautilus`.",
        )


def _check_options(loaded: Loaded) -> None:
    """Raise ConfigError where options would be filled by rules that ignore the quoted size."""
    if loaded.config.data.options is None:
        return
    if loaded.config.fills.rules == "nautilus" or loaded.config.nautilus.venue.fill_model:
        raise loaded.error(
            "options fill at their quotes, which Nautilus' own rules and fill models exceed.",
            "data",
            "options",
            hint="Remove `fills: {rules: nautilus}` and `nautilus: venue: fill_model`.",
        )


def _fronts(
    loaded: Loaded, tape: Tape, every_component: list[Component], files: Sequence[Path]
) -> dict[str, Front]:
    """Return the front of each root that a strategy trades. Raises ConfigError with the place."""
    fronts: dict[str, Front] = {}
    for component in every_component:
        if component.roll_settings is None:
            continue
        root, rule = component.roll_settings.instrument, component.roll_settings.rule
        known = fronts.get(root)
        if known is not None and known.rule != rule:
            message = f"{root} is already rolled by {known.rule} here, and cannot be by {rule}."
            raise loaded.error(message, component.section, component.name, "roll")
        try:
            first, points = roll_points(tape, root, rule, files)
        except DataError as error:
            raise loaded.error(
                f"{root} cannot be rolled by {rule.replace('_', ' ')}: {error.message}",
                component.section,
                component.name,
                "roll",
                hint=error.hint,
            ) from error
        spec = loaded.config.data.bars
        fronts[root] = Front(root, front_id(loaded, root), spec, rule, first, points)
    return fronts


def files_of(loaded: Loaded) -> list[Path]:
    """Return the Databento files behind the data, including those beside a downloaded catalog."""
    catalog = Path(loaded.config.data.catalog or "").expanduser().resolve()
    if loaded.config.data.catalog and catalog.is_relative_to(state_dir.data_dir()):
        return [catalog.parent] if any(catalog.parent.rglob("*.dbn.zst")) else []
    given = loaded.config.data.dbn or []
    return [Path(file).expanduser() for file in ([given] if isinstance(given, str) else given)]


def activated(loaded: Loaded) -> PluginManager:
    """Return the plugins that a configuration names, activated, in its order."""
    named: list[tuple[str, PluginConfig | None]] = []
    for name in loaded.config.plugins:
        found = manager.find(name, where=loaded.where("plugins", name))
        assert found.cls is not None
        named.append((name, loaded.decode(found.cls.Config, "plugins", name)))
    return PluginManager.activate(named)


def check_rung(loaded: Loaded, roots: Mapping[str, str], sized: Container[str]) -> None:
    """Raise ConfigError where the rung does not allow orders that a configuration is sure to send.

    `roots` are the roots of the data's contracts and fronts, by id; `sized` are the names of
    strategies that take their sizes from the desk.
    """
    rung = loaded.config.rung
    if not rung.enforced:
        return
    hint = "Name the rung that it needs, such as `rung: {name: 1 ES, risk: 500 USD}`."
    if rung.root is not None and rung.root not in roots.values():
        in_data = ", ".join(sorted(set(roots.values())))
        message = f"{rung.title} holds {rung.root}, the data has {in_data}."
        raise loaded.error(message, "rung", "name", hint=hint)
    for entry in entries(loaded, "strategies"):
        root_by_key = {key: _root_of(text, roots) for key, text in texts(entry.settings)}
        ordered = {root for root in root_by_key.values() if root is not None}
        if rung.root is not None and ordered and rung.root not in ordered:
            key = next(key for key, root in root_by_key.items() if root is not None)
            message = f"{rung.title} holds {rung.root}, not {', '.join(sorted(ordered))}."
            raise loaded.error(message, *entry.keys, key, hint=hint)
        size = entry.settings.get("contracts")
        if entry.name in sized or not isinstance(size, int):
            continue
        if size > rung.max_contracts > 0:
            message = f"{rung.title} allows {rung.max_contracts} contracts, was {size}."
            raise loaded.error(message, *entry.keys, "contracts", hint=hint)


def _root_of(text: str, roots: Mapping[str, str]) -> str | None:
    """Return the root of the contract or bar type that a setting names, None for another text."""
    if text in roots.values():
        return text
    return roots.get(text) or roots.get(text.partition("-")[0])
