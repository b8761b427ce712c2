"""`qe desk`: hunts, postures, reviews, parity and reports of a day, unattended beside a session.

`day_plan.py` and `next_step.py` are pure: which step is due when, given the journal's word on those
so far. `day_journal.py` writes each step before it begins and when it has ended, `loop.py` runs
them, `role_sessions.py` has the coordinators work for them, `session_process.py` starts the
session, which outlives the desk. A new kind of step is an entry of `records.StepKind`, its rule in
`next_step.py` and its action in `actions.py`. Imports fleet, recordings, market, halt and journal.
"""
