"""Calls of language models: priced, limited by budgets, recorded in a ledger and replayable.

`client.client.Client.ask` is the one way to call a model. Providers are in `providers/`; a plugin
may register another with the hook `register_providers`. Retries, hedging and limits may change in
`client/` alone; the columns of the ledger are a format on disk. Imports config, journal and
plugins, and none of engine and fleet.
"""
