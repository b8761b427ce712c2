"""The life of a request: look it up, admit it, reserve its cost, call, charge, retry, hedge.

`client.py` is the entry point, `attempt.py` one call, the others one rule each: concurrency,
circuit breaker, budget, retries, hedging. They may change without looking elsewhere, as long as
`Client` and `ClientStats` keep their names. Imports pricing, ledger and the provider protocol.
"""
