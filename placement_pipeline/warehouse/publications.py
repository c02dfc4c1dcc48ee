"""What left the pipeline, and which months have changed since."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from placement_pipeline.domain.words import Placement, TestState
from placement_pipeline.warehouse import tables

ALERT = "alert"
"""The kind of publication that an alert is; its content key is test and flag, its target a place."""

_EVERY_PLACE = "notify_urls"
"""The target of alerts from when places were not told apart."""


def is_told(connection: Connection, content_key: str, target: str) -> bool:
    """Whether this place has taken this alert."""
    table = tables.publications
    query = select(table.c.publication_id).where(
        table.c.kind == ALERT,
        table.c.content_key == content_key,
        table.c.target.in_([target, _EVERY_PLACE]),
        table.c.outcome_code == "sent",
    )
    return connection.execute(query.limit(1)).first() is not None


def months_with_failed_alerts(
    connection: Connection, targets: Sequence[str], since: date, tried_before: datetime
) -> list[date]:
    """Months of which one of these places has not taken an alert, oldest first.

    Args:
        connection: a connection.
        targets: the places that are configured now.
        since: the first month that alerts are sent of.
        tried_before: what was tried later is left to rest.
    """
    tests, publications = tables.placement_tests, tables.publications
    query = (
        select(tests.c.test_month)
        .join(publications, func.split_part(publications.c.content_key, ":", 1) == tests.c.test_id)
        .where(
            publications.c.kind == ALERT,
            publications.c.target.in_(targets),
            publications.c.outcome_code == "failed",
            publications.c.published_at < tried_before,
            tests.c.test_month >= since,
        )
    )
    return list(connection.execute(query.distinct().order_by(tests.c.test_month)).scalars())


def note_publication(
    connection: Connection, kind: str, content_key: str, target: str, row_count: int, outcome: str, now: datetime
) -> None:
    """Remember that something was published; the same content at the same target again is the same row."""
    row = {"row_count": row_count, "outcome_code": outcome, "published_at": now}
    connection.execute(
        insert(tables.publications)
        .values(kind=kind, content_key=content_key, target=target, **row)
        .on_conflict_do_update(index_elements=["kind", "content_key", "target"], set_=row)
    )


def months_changed_since(connection: Connection, kind: str) -> list[date]:
    """Months of which something is new since this kind was last published, oldest first; none while a test is open.

    New is a test that was closed, and a probe that came after its test was. A month that was never published is new.
    """
    tests, publications, sightings = tables.placement_tests, tables.publications, tables.seed_placements
    late = (
        select(sightings.c.test_id, func.max(sightings.c.observed_at).label("at"))
        .where(sightings.c.placement == Placement.DELAYED)
        .group_by(sightings.c.test_id)
        .subquery()
    )
    closed = connection.execute(
        select(tests.c.test_month, func.max(func.greatest(tests.c.closed_at, late.c.at)))
        .outerjoin(late, late.c.test_id == tests.c.test_id)
        .group_by(tests.c.test_month)
        .having(func.bool_and(tests.c.state != TestState.OPEN))
        .order_by(tests.c.test_month)
    ).tuples()
    written = dict(
        connection.execute(
            select(publications.c.content_key, func.max(publications.c.published_at))
            .where(publications.c.kind == kind)
            .group_by(publications.c.content_key)
        )
        .tuples()
        .all()
    )
    return [
        month
        for month, changed_at in closed
        if (written_at := written.get(month.isoformat())) is None or written_at < changed_at
    ]
