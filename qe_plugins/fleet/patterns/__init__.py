"""Patterns of tasks of which the roles are composed: scout, math, jury.

`scout.py` ranks many windows cheaply and scores recall, `math.py` recomputes every number of a
sentence, `jury.py` pools blind seats and says how many independent votes they are. Each may
change alone. Imports records only: no model is called here.
"""

from qe_plugins.fleet.patterns.jury import JuryVerdict, Seat, counted
from qe_plugins.fleet.patterns.math import CheckedSentence, checked
from qe_plugins.fleet.patterns.scout import Sighting, ranked, recall

__all__ = [
    "CheckedSentence",
    "JuryVerdict",
    "Seat",
    "Sighting",
    "checked",
    "counted",
    "ranked",
    "recall",
]
