"""`qe worker`, and the options of commands that run on a Temporal cluster.

Nothing but commands imports these modules; `temporalio` is imported when a command uses it.
"""
