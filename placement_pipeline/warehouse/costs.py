"""What the providers cost a run: calls, quota units and seconds, added up by stage and operation."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from placement_pipeline.domain.costs import Cost
from placement_pipeline.warehouse import tables


def add_costs(
    connection: Connection, run_id: str, stage: str, month: date, costs: Sequence[Cost], now: datetime
) -> None:
    """Add what a stage has cost to what it cost this run before.

    Args:
        connection: to write on.
        run_id: of the Dagster run; empty for a command.
        stage: the asset or command.
        month: first day of the month the calls were made in.
        costs: one an operation.
        now: aware.
    """
    if not costs:
        return
    table = tables.provider_calls
    statement = insert(table)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "stage", "provider", "operation"],
            set_={
                "call_count": table.c.call_count + new.call_count,
                "unit_count": table.c.unit_count + new.unit_count,
                "wait_seconds": table.c.wait_seconds + new.wait_seconds,
                "observed_at": new.observed_at,
            },
        ),
        [
            {
                "run_id": run_id,
                "stage": stage,
                "provider": cost.provider,
                "operation": cost.operation,
                "call_month": month,
                "call_count": cost.call_count,
                "unit_count": cost.unit_count,
                "wait_seconds": cost.seconds,
                "observed_at": now,
            }
            for cost in costs
        ],
    )
