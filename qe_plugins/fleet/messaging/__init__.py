"""Messages of coordinators: an outbox in SQLite, and its relay to NATS JetStream.

`outbox.py` may be changed on its own as long as stored messages stay readable; `jetstream.py` is
the only module that imports `nats`. What a coordinator says is built in `fleet/scan/publish.py`.
"""
