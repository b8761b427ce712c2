"""The schema's version, kept in the journal itself, and the steps from one version to the next."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine, insert, inspect, select, update

from qe_plugins.errors import JournalError
from qe_plugins.journal.chain import GENESIS
from qe_plugins.journal.database import reading, writing
from qe_plugins.journal.tables import head, metadata


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(insert(head).values(version=0, runs=0, hash=GENESIS))


STEPS: tuple[Callable[[Connection], None], ...] = (_first_tables,)
"""What each version added, oldest first. A journal's version is how many steps it has taken."""


def ensure_newest(engine: Engine) -> None:
    """Bring the journal to the newest version, once, however many processes open it.

    Raises JournalError when a newer program has written it.
    """
    with reading(engine) as connection:
        steps_to_take = _missing_steps(connection)
    if steps_to_take:
        with writing(engine) as connection:
            _migrate(connection)


def _missing_steps(connection: Connection) -> tuple[Callable[[Connection], None], ...]:
    taken = _version(connection)
    if taken > len(STEPS):
        raise JournalError(
            f"the journal's schema must be at most {len(STEPS)}, was {taken}.",
            hint="A newer version of this program wrote it: upgrade quant-engine.",
        )
    return STEPS[taken:]


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(head.name):
        return 0
    version = connection.execute(select(head.c.version)).scalars().all()
    if len(version) != 1 or not isinstance(version[0], int) or version[0] < 0:
        raise JournalError(
            "the journal does not say of which version it is.",
            hint="Somebody changed it after it was written: restore it from a backup.",
        )
    return version[0]


def _migrate(connection: Connection) -> None:
    for step in _missing_steps(connection):
        step(connection)
    connection.execute(update(head).values(version=len(STEPS)))
