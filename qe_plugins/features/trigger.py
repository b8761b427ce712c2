"""Triggers: small expressions over features that say at which bars a hunter is called.

`abs(1m.velocity.30) > 2 and 1h.temperature.60 < 1` is one; `condition.py` has what may be written.
Where a feature that it names is null, it does not hold.
"""

from __future__ import annotations

from qe_plugins.condition import Condition
from qe_plugins.errors import FeatureError


class FeatureTrigger(Condition):
    """A parsed trigger. `names` are the features in it, in order. Raises FeatureError."""

    NAME = r"(?:\d+[a-z]+|across)\.\w+(?:\.\d+)?"
    NOUN = "feature"
    KIND = "trigger"
    HINT = "abs(1m.velocity.30) > 2 and 1h.temperature.60 < 1"
    ERROR = FeatureError
