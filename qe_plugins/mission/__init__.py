"""MissionControl: one thing now, at most three next, everything else folded away.

`rules.py` is a pure state machine over the rows of `mission_control`; `desk.py` says what the desk
itself asks of a person at this moment, and each of its items leaves when that no longer holds. A
new reason to ask is a function of `desk.REASONS`. Imports journal, halt, market and fleet.
"""
