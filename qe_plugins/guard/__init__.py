"""What guards a live session from outside its process: the watcher, and the way to flat.

`watcher.py` looks (`looking.py`), judges (`checks.py`) and acts (`flatten.py`, `restarts.py`,
`nightly.py`, `morning.py`); `watcher_socket.py` is how other processes reach it, `configured.py`
what is guarded.
A new check is a finding in `checks.py`. Nothing here needs the node alive, or imports the engine.
Imports alarms, ib_client, llm's ledger, market, config and halt.
"""
