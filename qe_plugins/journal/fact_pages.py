"""Pages of facts by key, over all runs or one: the indexes find them, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select, tuple_, union_all

from qe_plugins.journal.facts import FactKey, FactKind
from qe_plugins.journal.schema import facts


def page(
    connection: Connection,
    *,
    after: FactKey | None,
    kinds: Collection[FactKind] | None,
    run: str | None,
    since_ns: int | None,
    until_ns: int | None,
    word: str | None,
    newest_first: bool,
    limit: int,
) -> list[Row[Any]]:
    """Return the rows of `Journal.page`."""

    def bounded(query: Select[Any], order: tuple[Any, ...]) -> Select[Any]:
        ordered = [column.desc() if newest_first else column for column in order]
        return query.order_by(*ordered).limit(limit)

    table = facts.c
    by_time = (table.ts_event, table.run_id, table.seq)
    query = select(facts)
    if run is not None:
        query = query.where(table.run_id == run)
    if after is not None:
        place: Any = tuple_(*by_time)
        edge: Any = (after.ts_event, after.run_id, after.seq)
        if run is not None:
            place, edge = table.seq, after.seq
        query = query.where(place < edge if newest_first else place > edge)
        if run is None:  # said once more on the first column alone, for which there is an index
            column = table.ts_event
            query = query.where(
                column <= after.ts_event if newest_first else column >= after.ts_event
            )
    if since_ns is not None:
        query = query.where(table.ts_event >= since_ns)
    if until_ns is not None:
        query = query.where(table.ts_event < until_ns)
    if word:
        text = (table.body, table.source, table.id)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in text)))
    if run is not None:
        if kinds is not None:
            query = query.where(table.kind.in_([str(kind) for kind in kinds]))
        return list(connection.execute(bounded(query, (table.seq,))))
    if kinds is None:
        return list(connection.execute(bounded(query, by_time)))
    return list(connection.execute(_of_kinds(query, kinds, bounded, by_time)))


def _of_kinds(query: Any, kinds: Collection[FactKind], bounded: Any, by_time: Any) -> Any:
    """Return the query of one kind, or of the earliest or latest of several.

    An index has the keys of each kind in order, so only the facts of the page are read from the
    table, and no query sorts what it does not return.
    """
    table = facts.c
    if len(set(kinds)) == 1:
        return bounded(query.where(table.kind == str(next(iter(kinds)))), by_time)
    keys = query.with_only_columns(*by_time)
    each = [
        select(bounded(keys.where(table.kind == str(kind)), by_time).subquery())
        for kind in sorted(set(kinds))
    ]
    merged = union_all(*each).subquery()
    order = tuple(merged.c[column.name] for column in by_time)
    chosen = bounded(select(merged), order).subquery()
    same = (table.run_id == chosen.c.run_id) & (table.seq == chosen.c.seq)
    return bounded(select(facts).join(chosen, same), by_time)
