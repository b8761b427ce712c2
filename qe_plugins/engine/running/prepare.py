"""Everything a run needs, opened, loaded and checked before an engine is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qe_plugins import plugins as manager
from qe_plugins import state_dir
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.engine.contracts.terms import ContractTerms, contract_terms
from qe_plugins.engine.risk.rung import check_rung
from qe_plugins.engine.rolling.front import Front
from qe_plugins.engine.rolling.roll_points import roll_points
from qe_plugins.engine.running.account_checks import check_currency, check_netting
from qe_plugins.engine.running.availability import AvailableData
from qe_plugins.engine.running.components import KINDS, Component, components
from qe_plugins.engine.settings.entries import entries, front_id
from qe_plugins.engine.settings.nautilus_config import check_account
from qe_plugins.errors import DataError
from qe_plugins.market.sessions import trading_window
from qe_plugins.plugins import PluginManager

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.plugins.base import PluginConfig


@dataclass(frozen=True)
class PreparedRun:
    """A run that could start. `money` has the margins and fee of each root on the tape."""

    loaded: Loaded
    tape: Tape
    listings: AvailableData
    money: dict[str, ContractTerms]
    components: list[Component]
    plugins: PluginManager
    fronts: dict[str, Front]


def prepare(
    loaded: Loaded,
    plugins: PluginManager | None = None,
    tape: Tape | None = None,
    files: Sequence[Path] | None = None,
) -> PreparedRun:
    """Open the tape, find every class, make every plugin. Raises QeError with the place.

    `plugins` stand in for those that the configuration names, `tape` for its data, and `files` for
    the Databento files of which the data was made.
    """
    check_account(loaded)
    plugins = activated(loaded) if plugins is None else plugins
    parts = [part for section in KINDS for part in components(loaded, section)]
    check_netting(loaded, parts)
    if tape is None:
        tape = open_tape(loaded.config.data, lambda key: loaded.where("data", key))
    check_currency(loaded, tape.contracts)
    fronts = _fronts(loaded, tape, parts, files_of(loaded) if files is None else files)
    listings = AvailableData(
        [str(contract.id) for contract in tape.contracts] + [front.id for front in fronts.values()],
        tape.bar_types + [front.bar_type for front in fronts.values()],
        {front.id: front.root for front in fronts.values()},
    )
    for section in KINDS:
        for entry in entries(loaded, section):
            listings.check_settings(loaded, entry)
    _check_fills(loaded)
    if loaded.config.fills.rules == "exchange":
        for root in {contract.underlying for contract in tape.contracts}:
            trading_window(root, tape.start)  # read its calendar now, not at the first order
    roots = {str(contract.id): contract.underlying for contract in tape.contracts}
    sized = {part.name for part in parts if getattr(part.author, "sized_by_desk", False)}
    check_rung(loaded, roots | listings.fronts, sized)
    money = contract_terms(loaded, tape.contracts, tape.start, tape.end)
    return PreparedRun(loaded, tape, listings, money, parts, plugins, fronts)


def _check_fills(loaded: Loaded) -> None:
    """Raise ConfigError where slippage is asked for and Nautilus fills by its own rules."""
    if loaded.config.fills.rules == "nautilus" and loaded.config.slippage.model != "none":
        raise loaded.error(
            f"slippage is {loaded.config.slippage.model}, and Nautilus' own rules know none of it.",
            "fills",
            "rules",
            hint="Write `slippage: {model: none}` beside `rules: nautilus`.",
        )


def _fronts(
    loaded: Loaded, tape: Tape, parts: list[Component], files: Sequence[Path]
) -> dict[str, Front]:
    """Return the front of each root that a strategy follows."""
    fronts: dict[str, Front] = {}
    for part in parts:
        if part.roll_settings is None:
            continue
        root, rule = part.roll_settings.instrument, part.roll_settings.rule
        known = fronts.get(root)
        if known is not None and known.rule != rule:
            message = f"{root} is already rolled by {known.rule} here, and cannot be by {rule}."
            raise loaded.error(message, part.section, part.name, "roll")
        try:
            first, turns = roll_points(tape, root, rule, files)
        except DataError as error:
            raise loaded.error(
                f"{root} cannot be rolled by {rule.replace('_', ' ')}: {error.message}",
                part.section,
                part.name,
                "roll",
                hint=error.hint,
            ) from error
        spec = loaded.config.data.bars
        fronts[root] = Front(root, front_id(loaded, root), spec, rule, first, turns)
    return fronts


def files_of(loaded: Loaded) -> list[Path]:
    """Return the Databento files that the tape was made of, those beside a bought catalog too."""
    catalog = Path(loaded.config.data.catalog or "").expanduser().resolve()
    if loaded.config.data.catalog and catalog.is_relative_to(state_dir.data_dir()):
        return [catalog.parent] if any(catalog.parent.rglob("*.dbn.zst")) else []
    given = loaded.config.data.dbn or []
    return [Path(file).expanduser() for file in ([given] if isinstance(given, str) else given)]


def activated(loaded: Loaded) -> PluginManager:
    """Make the plugins that a configuration names, with their settings, in its order."""
    wanted: list[tuple[str, PluginConfig | None]] = []
    for name in loaded.config.plugins:
        found = manager.find(name, where=loaded.where("plugins", name))
        assert found.cls is not None
        wanted.append((name, loaded.decode(found.cls.Config, "plugins", name)))
    return PluginManager.activate(wanted)
