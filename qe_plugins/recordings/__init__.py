"""Recorded decisions of a fleet: what it answered, at which moment of the data, and when.

`records.py` has the types, `folder.py` the files, `contamination.py` says what an answer may be
used for, `delivery.py` and `arms.py` when and in which form a run receives answers,
`effective_votes.py`, `calibration.py` and `vote_groups.py` measure them, `trials.py` registers what
was measured. The files of a recording stay readable; the rest may be changed here alone. Imports:
`llm` for prices and cutoffs, `market` for sessions, `journal`.
"""
