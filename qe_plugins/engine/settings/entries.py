"""Entries of `strategies:`, `actors:` and `exec_algorithms:`: a project module or any class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from qe_plugins.config.schema import ImportedStrategy, Section
from qe_plugins.market.specs import markets

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded

ROOT = re.compile(r"[A-Z0-9]{1,6}")
"""A root. A setting `instrument` of another form is a setting of the strategy itself."""

ROLL_KEYS = ("instrument", "roll", "adjust")


class RollSettings(Section, frozen=True, kw_only=True):
    """Settings of a strategy on a root: it trades the front month, and is rolled.

    `roll` is the rule for the front month; with `flat` that is volume, and a position is closed
    instead of rolled. `adjust` is how earlier bars are put on the new contract's level.
    """

    instrument: str
    roll: Literal["volume", "open_interest", "calendar", "flat"] = "volume"
    adjust: Literal["difference", "ratio", "none"] = "difference"

    @property
    def rule(self) -> str:
        """Return the rule for the front month: volume, open_interest or calendar."""
        return "volume" if self.roll == "flat" else self.roll


class StrategyEntry(Section, frozen=True, kw_only=True):
    """One strategy to run; `loaded.decode(kind, *entry.keys)` returns its settings.

    `path` is `module:Class`; None means strategies/<name>.py. `config_path` is the `module:Class`
    of the settings; None where the strategy's annotations name it.
    """

    name: str
    path: str | None
    config_path: str | None
    keys: tuple[str, ...]
    settings: dict[str, Any]
    roll_settings: RollSettings | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Return the settings that follow from others: the id of the front on a root."""
        return {"instrument_id": self.settings["instrument_id"]} if self.roll_settings else {}


def entries(loaded: Loaded, section: str) -> list[StrategyEntry]:
    """Return the entries of `strategies`, `actors` or `exec_algorithms`, in the order written.

    Raises ConfigError for an unknown key beside `path:`.
    """
    return [_read_entry(loaded, section, name) for name in getattr(loaded.config, section)]


def _read_entry(loaded: Loaded, section: str, name: str) -> StrategyEntry:
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
    """Return the roll settings of a strategy on a root, None for one on a dated contract."""
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
    """Return the id of a root's front month, such as `CL.XNYM`.

    Its venue is the root's exchange, but the account's venue where that is not an exchange of
    `configs/markets.yaml` or the root is not in it.
    """
    account = loaded.config.nautilus.venue.name
    known = {name: one.exchange for name, one in markets().roots.items()}
    return f"{root}.{known.get(root, account) if account in known.values() else account}"


def texts(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of each setting that is a text or a list of texts."""
    for key, value in settings.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield key, text
