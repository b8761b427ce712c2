"""What processes did, by wall time, and the states of the items of MissionControl.

Two append-only tables beside the facts, in the same database: `pipeline_journal`, chained by
hashes, and `mission_control`. Pages of facts are read here as well, and changes of the database are
noticed. A new kind of activity is an entry of `records.ActivityKind`. Imports the journal's tables.
"""
