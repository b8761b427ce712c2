"""Made histories: decisions whose label follows the first feature, or nothing."""

import numpy as np

from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.research.factors.decisions import DecisionRows
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.settings import FactorSettings, Split
from qe_plugins.research.factors.split import divide

DAYS = np.arange("2020-01-01", "2022-07-01", dtype="datetime64[D]")
SESSIONS = DAYS[DAYS.astype(int) % 7 < 5]
A_DAY = 26
FEATURES = [f"1m.velocity.{w}" for w in (5, 10, 20, 30, 60, 120)] + [
    f"1m.temperature.{w}" for w in (5, 10, 20, 30, 60, 120)
]


def settings(**changes) -> FactorSettings:
    made = DataSettings(synthetic=SyntheticSettings(root="ES"))
    return FactorSettings(name="made", data=made, draws=400, **changes)


def history(seed: int, planted: float = 0.0, only: str | None = None) -> tuple[FactorData, dict]:
    """Return decisions whose label follows the first feature with an IC of about `planted`."""
    random = np.random.default_rng(seed)
    session = np.repeat(SESSIONS, A_DAY)
    values = random.normal(size=(len(session), len(FEATURES)))
    label = random.normal(size=len(session))
    if only is not None:  # the effect exists in odd or in even months alone
        odd = session.astype("datetime64[M]").astype(int) % 2 == 0
        label += planted * values[:, 0] * (odd if only == "odd" else ~odd)
    else:
        label += planted * values[:, 0]
    ts = np.arange(len(session)) * 900 * 1_000_000_000 + 1_577_836_800_000_000_000
    rows = DecisionRows(
        root="ES",
        ts=ts,
        session=session,
        contract=np.full(len(session), "ESH20.XCME"),
        label=label,
        label_session=session,
        deviation=np.full(len(session), 9.8),
        without_label=0,
        volume=np.full(len(session), 1_000.0),
    )
    data = FactorData([rows], divide(session, session, Split()), label, session)
    return data, {"values": values}
