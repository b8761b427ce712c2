"""The supervisors of every live session, in the order in which they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qe_plugins.engine.supervision.stale_supervisor import StaleSupervisor
from qe_plugins.engine.supervision.truth_supervisor import TruthSupervisor
from qe_plugins.engine.supervision.warm_up_supervisor import WarmUpSupervisor

if TYPE_CHECKING:
    from qe_plugins.engine.broker.supervision import Supervisor


def live_supervisors() -> list[Supervisor]:
    """Return what watches a live session from inside its process."""
    truth = TruthSupervisor()
    return [truth, StaleSupervisor(truth), WarmUpSupervisor()]
