"""Build Nautilus' configuration objects from the `nautilus:` and `logging:` sections."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader import common, data, execution, model
from nautilus_trader.backtest import BacktestEngineConfig
from nautilus_trader.risk import RiskEngineConfig

from qe_plugins import state_dir
from qe_plugins.errors import did_you_mean

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.config.nautilus import NautilusModel

SECTION = "nautilus"
NO_EMPTY_BARS = {"time_bars_build_with_no_updates": False}
"""Nautilus would build bars of volume 0 while a market is closed; the data has none."""
ENUMS: dict[str, Any] = {
    "oms_type": model.OmsType,
    "account_type": model.AccountType,
    "book_type": model.BookType,
    "oto_trigger_mode": model.OtoTriggerMode,
}
MODELS: dict[str, Any] = {
    "fill_model": execution,
    "latency_model": execution,
    "fee_model": execution,
    "margin_model": model,
}


REQUIRED = {
    "account_type": ("MARGIN", "futures are held on margin"),
    "frozen_account": (False, "a balance that stands still says nothing of what was earned"),
    "liquidation_enabled": (False, "the engine's margins are no dollars a contract"),
}
"""The values that a venue's account settings must have, and why."""


def check_account(loaded: Loaded) -> None:
    """Raise ConfigError where the venue's account settings do not suit futures."""
    for name, (only, why) in REQUIRED.items():
        if (was := getattr(loaded.config.nautilus.venue, name)) != only:
            raise loaded.error(
                f"{name} must be {str(only).lower() if only is False else only}, was "
                f"{str(was).lower() if was is True else was}: {why}.",
                *(SECTION, "venue", name),
                hint="Set margin.on_breach to liquidate." if name.startswith("liq") else None,
            )


def engine_config(loaded: Loaded) -> BacktestEngineConfig:
    """Return the engine's configuration, without Nautilus' own analysis after a run."""
    section = loaded.config.nautilus
    risk = msgspec.structs.asdict(section.risk_engine)
    risk["max_notional_per_order"] = {
        name: str(most) for name, most in section.risk_engine.max_notional_per_order.items()
    }
    return BacktestEngineConfig(
        trader_id=_construct_value(loaded, model.TraderId, section.trader_id, SECTION, "trader_id"),
        logging=logger_config(loaded),
        run_analysis=False,
        cache=cache_config(loaded),
        data_engine=construct(
            loaded,
            data.DataEngineConfig,
            NO_EMPTY_BARS | section.data_engine,
            SECTION,
            "data_engine",
        ),
        exec_engine=construct(
            loaded, execution.ExecutionEngineConfig, section.exec_engine, SECTION, "exec_engine"
        ),
        risk_engine=construct(loaded, RiskEngineConfig, risk, SECTION, "risk_engine"),
    )


def logger_config(loaded: Loaded) -> Any:
    """Return the logger's configuration. Without a `logging:` section the engine logs nothing.

    Log files go to the state folder unless the configuration names another.
    """
    given = dict(loaded.config.logging)
    if not given:
        return common.LoggerConfig(bypass_logging=True)
    given.setdefault("stdout_level", "OFF")  # the engine's own default is INFO
    for name in ("stdout_level", "fileout_level"):
        if given.get(name) is not None:
            level = str(given[name]).upper()
            given[name] = _construct_value(loaded, common.LogLevel.from_str, level, "logging", name)
    levels = given.get("component_levels") or {}
    if not isinstance(levels, dict):
        raise loaded.error("must be a mapping of levels.", "logging", "component_levels")
    for name, level in levels.items():
        part = ("logging", "component_levels", name)
        _construct_value(loaded, common.LogLevel.from_str, str(level).upper(), *part)
    if given.get("fileout_level") is not None or given.get("file_config"):
        file = {
            "directory": str(state_dir.state_dir() / "logs"),
            **(given.get("file_config") or {}),
        }
        where = ("logging", "file_config")
        given["file_config"] = construct(loaded, common.FileWriterConfig, file, *where)
    return construct(loaded, common.LoggerConfig, given, "logging")


def cache_config(loaded: Loaded) -> Any:
    """Return the cache's configuration, such as how many bars of a type it holds."""
    section = loaded.config.nautilus
    return construct(loaded, common.CacheConfig, section.cache, SECTION, "cache")


def venue_arguments(loaded: Loaded) -> dict[str, Any]:
    """Return the arguments of `BacktestEngine.add_venue`; a fee model only where one is set."""
    venue = loaded.config.nautilus.venue
    where = (SECTION, "venue")
    given = {name: getattr(venue, name) for name in venue.__struct_fields__}
    given["venue"] = _construct_value(loaded, model.Venue, given.pop("name"), *where, "name")
    for name, enum in ENUMS.items():
        given[name] = _construct_value(loaded, enum.from_str, given[name], *where, name)
    given["starting_balances"] = [
        _construct_value(loaded, model.Money.from_str, text, *where, "starting_balances")
        for text in venue.starting_balances
    ]
    if venue.base_currency is not None:
        given["base_currency"] = _construct_value(
            loaded, model.Currency.from_str, venue.base_currency, *where, "base_currency"
        )
    for name, package in MODELS.items():
        if (wanted := given[name]) is not None:
            given[name] = nautilus_model(loaded, package, wanted, *where, name)
    return given


def nautilus_model(loaded: Loaded, package: Any, wanted: NautilusModel, *keys: str) -> Any:
    """Return one of Nautilus' models by its name, such as `OneTickSlippageFillModel`."""
    suffix = "".join(part.title() for part in keys[-1].split("_"))
    kinds = sorted(n for n in vars(package) if n.endswith(suffix) and n != suffix)
    if wanted.type not in kinds:
        hint = did_you_mean(wanted.type, kinds) or f"There are: {', '.join(kinds)}."
        raise loaded.error(f"no {keys[-1]} is called '{wanted.type}'.", *keys, "type", hint=hint)
    args = {name: _engine_value(value) for name, value in wanted.args.items()}
    return construct(loaded, getattr(package, wanted.type), args, *keys, "args")


def construct(loaded: Loaded, kind: Any, settings: dict[str, Any], *keys: str) -> Any:
    """Return `kind(**settings)`. Raises ConfigError at the line of an unknown setting."""
    known = list(inspect.signature(kind).parameters)
    for name in settings:
        if name not in known:
            hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
            raise loaded.error(f"unknown field '{name}'.", *keys, name, hint=hint)
    return _construct_value(loaded, kind, settings, *keys)


def _construct_value(loaded: Loaded, make: Any, value: Any, *keys: str) -> Any:
    try:
        return make(**value) if isinstance(value, dict) else make(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise loaded.error(f"the engine refuses {value!r}: {error}.", *keys) from error


def _engine_value(value: Any) -> Any:
    """Return a YAML value as Nautilus takes it: `0.57 USD` as money."""
    if isinstance(value, str) and value.count(" ") == 1:
        return model.Money.from_str(value)
    return value
