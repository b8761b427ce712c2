"""Does a fleet earn its cost? Runs of one recording in several arms, compared session by session.

`comparison.py` has intervals, p-values and power, `verdict.py` the sentence, `arms_table.py` the
arms of a finished sweep. The runs are those of a sweep, each a trial in the journal. Statistics may
be changed here alone; tests hold their error rates. Imports `recordings` and the sweep.
"""
