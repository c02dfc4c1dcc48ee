"""What the providers cost a run is added up by stage and operation, however often a stage runs in it."""

from datetime import UTC, date, datetime

from sqlalchemy import Engine, select

from placement_pipeline.domain.costs import Cost
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.costs import add_costs

MONTH, NOW = date(2026, 11, 1), datetime(2026, 11, 2, 9, tzinfo=UTC)
GET, LIST = Cost("gmail", "messages.get", 3, 60, 0.5), Cost("gmail", "messages.list", 1, 5, 0.25)


def test_costs_of_one_run_add_up_and_those_of_another_stand_by_themselves(engine: Engine) -> None:
    with engine.begin() as connection:
        add_costs(connection, "run-1", "seed_placements", MONTH, [GET, LIST], NOW)
        add_costs(connection, "run-1", "seed_placements", MONTH, [GET], NOW)
        add_costs(connection, "run-1", "send_jobs", MONTH, [LIST], NOW)
        add_costs(connection, "run-2", "seed_placements", MONTH, [LIST], NOW)
        add_costs(connection, "run-3", "seed_placements", MONTH, [], NOW)
        table = tables.provider_calls
        stored = {
            (row.run_id, row.stage, row.operation): (row.call_count, row.unit_count, row.wait_seconds)
            for row in connection.execute(select(table))
        }

    assert stored == {
        ("run-1", "seed_placements", "messages.get"): (6, 120, 1.0),
        ("run-1", "seed_placements", "messages.list"): (1, 5, 0.25),
        ("run-1", "send_jobs", "messages.list"): (1, 5, 0.25),
        ("run-2", "seed_placements", "messages.list"): (1, 5, 0.25),
    }
