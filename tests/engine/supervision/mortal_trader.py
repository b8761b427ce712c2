"""A driven strategy that ends its own process at a moment of an order, as kill -9 does."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.engine.supervision.watched_trader import Watched


class Mortal(Watched):
    """`die_at` has the next order end the process: before its intent is written, or right after."""

    def die_at(self, moment: str) -> None:
        recorder = self._run_context.recorder  # type: ignore[attr-defined]
        commit = recorder.commit

        def dying(**given: Any) -> str:
            if moment == "intent written":
                commit(**given)
            os.kill(os.getpid(), signal.SIGKILL)
            return ""

        recorder.commit = dying
