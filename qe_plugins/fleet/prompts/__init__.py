"""Prompts and answer types of every rank and role.

`requests.py` builds a node's exact request, `system.py` has the fixed texts, `answers.py` the
types. A changed text or type makes new requests, so that recorded answers are not reused. Imports
`fleet/tasks`, `fleet/aggregate.py` and `llm/requests.py`.
"""
