"""Bounded sessions of coordinators: a model calls read-only tools turn by turn, then answers once.

Every turn is a request of `llm.client`: priced, within a budget and a deadline, recorded, and found
again when a session is repeated. `session.py` is the loop, `rules.py` answers by rule without a
model. Limits are `sessions:` of a fleet's file. Imports the fleet's tools and the client.
"""

from qe_plugins.fleet.sessions.records import SessionEnd, SessionResult
from qe_plugins.fleet.sessions.session import SessionOpening, run_session

__all__ = ["SessionEnd", "SessionOpening", "SessionResult", "run_session"]
