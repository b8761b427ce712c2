"""A live session at Interactive Brokers: one account, its contracts, orders on the broker's terms.

`run` runs a `session` from its lock file to its report, `preparation` refuses what may not connect,
`node` is Nautilus' node with its two clients, `order_terms`, `closing` and `entry_rules` apply to
every order, whatever its author knows. Supervisors attach to a `LiveSession` and may be written
anywhere above this package. Imports: `live`, `running` and every package of the engine below them.
"""
