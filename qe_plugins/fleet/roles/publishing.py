"""A guardian's posture into the file that the plugin `guardian_fleet` reads."""

from __future__ import annotations

from qe_plugins.fleet.roles.run import RoleOutcome
from qe_plugins.recordings.postures import PostureFile, PublishedPosture


def publish_posture(name: str, outcome: RoleOutcome) -> bool:
    """Append the posture of a session, once; return whether it was new.

    A session without an answer publishes nothing: the posture before it expires.
    """
    posture = outcome.found.posture
    file = PostureFile(name)
    session = outcome.session.session
    if posture is None or any(one.session == session for one in file.read()):
        return False
    file.append(PublishedPosture(decided=outcome.found.decided, posture=posture, session=session))
    return True
