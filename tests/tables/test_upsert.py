"""Rows are written by their key, and many at a time."""

from datetime import UTC, datetime
from unittest.mock import Mock

import psycopg2.extras
import pytest
from sqlalchemy import Engine, select

from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.upsert import BATCH, upsert

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def deals(count: int, value: int) -> list[dict[str, object]]:
    return [
        {
            "deal_id_pipedrive": number,
            "rep_id_pipedrive": 1,
            "value": value,
            "currency": "EUR",
            "won_at": NOW,
            "is_archived": False,
            "observed_at": NOW,
        }
        for number in range(count)
    ]


def test_writing_twice_is_writing_once_and_the_later_row_stays(engine: Engine) -> None:
    with engine.begin() as connection:
        assert upsert(connection, tables.won_deals, deals(3, value=1)) == 3
        upsert(connection, tables.won_deals, deals(2, value=2))
        assert upsert(connection, tables.won_deals, []) == 0

        written = connection.execute(select(tables.won_deals).order_by(tables.won_deals.c.deal_id_pipedrive)).all()

    assert [(row.deal_id_pipedrive, row.value) for row in written] == [(0, 2), (1, 2), (2, 1)]


def test_a_thousand_rows_are_not_sent_row_by_row(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Left to itself, SQLAlchemy sends an INSERT with ON CONFLICT once a row, and each waits for its answer.
    in_bulk = Mock(wraps=psycopg2.extras.execute_batch)
    monkeypatch.setattr(psycopg2.extras, "execute_batch", in_bulk)
    with engine.begin() as connection:
        upsert(connection, tables.won_deals, deals(1_000, value=1))

    assert in_bulk.call_count == 1_000 / BATCH
    assert in_bulk.call_args.kwargs["page_size"] == BATCH
