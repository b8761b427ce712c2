"""The error tree. Every message says where, what, and what to do now.

QeError                 anything a user can fix; `qe` prints one line and exits with 2
├── ConfigError         a YAML file, an override, an environment variable
├── DataError           market data: missing, truncated, without the requested records
├── PluginError         a plugin that cannot be loaded or activated
│   └── HookError       a hook implementation that does not match its specification
├── FeatureError        a feature is unknown, breaks a bound of its arithmetic, or looks ahead
├── JournalError        the journal cannot be opened, or does not verify
├── FleetError          a scan: unknown, not finished, or a message out of order
├── ClusterError        a Temporal cluster: not reached, lost, or with workers of other code
├── ModelError          a model or provider: unknown, without a price, without a key
│   └── ReplayMiss      a replay of a request that was never answered
├── Halted                trading is halted: nothing new is sent until a person resumes
├── ReportError         a run's folder: already there, missing, or with an ambiguous name
└── RunError            a run that started and could not finish; exits with 1
    ├── PluginFailures plugins raised more often than `plugins.max_failures` allows
    └── StrategyError  user code raised inside the engine; carries the traceback and the bar
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from qe_plugins.safe_text import named


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return "Did you mean 'x'?" where `word` is similar to one of `known`, else None.

    `cutoff` is the required similarity, from 0 (any) to 1 (equal).
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"Did you mean '{close[0]}'?" if close else None


class QeError(Exception):
    """An error that the user can fix. `exit_code` is what the command line returns."""

    exit_code = 2

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message, self.where, self.hint = message, where, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} {self.hint}" if self.hint else text


class ConfigError(QeError):
    """A YAML file, an override or an environment variable is wrong."""


class DataError(QeError):
    """Market data is missing, truncated, or lacks the requested records."""


class PluginError(QeError):
    """A plugin cannot be loaded or activated. `details` is the traceback where its code raised."""

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        details: str | None = None,
    ) -> None:
        self.details = details
        super().__init__(message, where=where, hint=hint)


class HookError(PluginError):
    """A hook implementation does not match the hook's specification."""


class FeatureError(QeError):
    """A feature is unknown, breaks a bound of its arithmetic, or looks ahead."""


class JournalError(QeError):
    """The journal cannot be opened, or does not verify."""


class ModelError(QeError):
    """A model or its provider is unknown, or has no price or no key."""


class ReplayMiss(ModelError):  # noqa: N818 - the words of the trade, not *Error
    """A replay of a request that was never answered. A replay makes no call."""


class LadderError(QeError):
    """A rung cannot be changed: a criterion is not met, or something is in doubt."""


class FleetError(QeError):
    """A scan is unknown or not finished, or a message is out of its sender's order."""


class ClusterError(QeError):
    """A Temporal cluster is not reached, is lost, or its workers cannot run what is asked."""


class Halted(QeError):  # noqa: N818 - a state, not a mistake
    """Trading is halted: no order adds risk and no model is called, until a person resumes."""


class ReportError(QeError):
    """A run's folder is already there, missing, or has an ambiguous name."""


class RunError(QeError):
    """A run started and could not finish. It has no result."""

    exit_code = 1


class PluginFailures(RunError):  # noqa: N818 - there were several
    """Plugins raised too often in a run. `details` is the traceback of the first failure."""

    def __init__(self, message: str, *, hint: str, details: str) -> None:
        self.details = details
        super().__init__(message, hint=hint)


class StrategyError(RunError):
    """User code raised inside the engine.

    `details` is the traceback as text; `at` describes the event that was being handled.
    """

    def __init__(self, who: str, error: BaseException, *, at: str, details: str) -> None:
        self.who, self.error, self.at, self.details = who, error, at, details
        super().__init__(named(error), where=f"{who} at {at}")
