"""Who trades: an entry of `strategies:` is a module of the project or any class by import path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from qe_plugins.config.schema import ImportedStrategy, Section
from qe_plugins.market.specs import markets

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded

ROOT = re.compile(r"[A-Z0-9]{1,6}")
"""The root of a contract's name. A setting `instrument` that is more is the strategy's own."""

ROLL_KEYS = ("instrument", "roll", "adjust")


class RollSettings(Section, frozen=True, kw_only=True):
    """A strategy on a root: it trades whichever contract is current, and is rolled.

    `roll` says what makes a contract current; with `flat` that is volume, and the position is
    closed instead of moved. `adjust` says how earlier bars are put on the new contract's level.
    """

    instrument: str
    roll: Literal["volume", "open_interest", "calendar", "flat"] = "volume"
    adjust: Literal["difference", "ratio", "none"] = "difference"

    @property
    def rule(self) -> str:
        """Return what makes a contract current."""
        return "volume" if self.roll == "flat" else self.roll


class StrategyEntry(Section, frozen=True, kw_only=True):
    """One strategy to run, and where its settings are: `loaded.decode(kind, *entry.keys)`.

    `path` is `module:Class`; None means strategies/<name>.py. `config_path` is the settings' own
    `module:Class`, None where the strategy's annotations tell.
    """

    name: str
    path: str | None
    config_path: str | None
    keys: tuple[str, ...]
    settings: dict[str, Any]
    roll_settings: RollSettings | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Return the settings that follow from others: the front of the root it follows."""
        return {"instrument_id": self.settings["instrument_id"]} if self.roll_settings else {}


def entries(loaded: Loaded, section: str) -> list[StrategyEntry]:
    """Return what `strategies`, `actors` or `exec_algorithms` names, in the order written.

    Raises ConfigError for a key beside `path:`.
    """
    return [_entry(loaded, section, name) for name in getattr(loaded.config, section)]


def _entry(loaded: Loaded, section: str, name: str) -> StrategyEntry:
    keys = (section, name)
    written = getattr(loaded.config, section)[name]
    roll_settings = _roll_settings(loaded, keys, written) if section == "strategies" else None
    more = {"instrument_id": front_id(loaded, roll_settings.instrument)} if roll_settings else {}
    settings = {k: v for k, v in written.items() if not roll_settings or k not in ROLL_KEYS}
    if "path" not in settings:
        return StrategyEntry(
            name=name,
            path=None,
            config_path=None,
            keys=keys,
            settings=settings | more,
            roll_settings=roll_settings,
        )
    imported = loaded.decode(ImportedStrategy, *keys, without=ROLL_KEYS if roll_settings else ())
    return StrategyEntry(
        name=name,
        path=imported.path,
        config_path=imported.config_path,
        keys=(*keys, "config"),
        settings=imported.config | more,
        roll_settings=roll_settings,
    )


def _roll_settings(
    loaded: Loaded, keys: tuple[str, ...], written: dict[str, Any]
) -> RollSettings | None:
    """Return what a strategy on a root says of it; None for a strategy on a dated contract."""
    root = written.get("instrument")
    if "roll" not in written and not (isinstance(root, str) and ROOT.fullmatch(root)):
        return None
    if written.get("instrument_id") is not None:
        message = "follows a root and names a contract: it can do one of them."
        take = f"--set {'.'.join(keys)}.instrument_id=null"
        raise loaded.error(message, *keys, "instrument_id", hint=f"Take the contract away: {take}.")
    return loaded.decode(
        RollSettings, *keys, without=[key for key in written if key not in ROLL_KEYS]
    )


def front_id(loaded: Loaded, root: str) -> str:
    """Return the id under which a strategy receives the current contract of a root, `CL.XNYM`.

    Its venue is the root's exchange; where the account's own venue is none of the exchanges of
    `configs/markets.yaml`, or the root is not in it, it is the account's.
    """
    account = loaded.config.nautilus.venue.name
    known = {name: one.exchange for name, one in markets().roots.items()}
    return f"{root}.{known.get(root, account) if account in known.values() else account}"


def texts(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each text among some settings, and those in their lists, with its key."""
    for key, value in settings.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield key, text
