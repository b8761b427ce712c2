"""What the simulated TWS trades on: contracts, hours, prices, orders, and the account.

Nothing here knows a client or a message beyond its fields: the book reports what happened to an
order, and the gateway tells the clients. Rules of IB and CME may be changed here alone. It imports
the names of fields from `tws/wire/` and nothing else of the package but its errors.
"""
