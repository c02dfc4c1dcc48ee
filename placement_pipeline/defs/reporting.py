"""What an asset tells of a run: counts by outcome, added up over the months it was for."""

from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg

from placement_pipeline.domain.costs import Cost

MONTH_OVER = "The month is over: nothing was sent or asked again; what is stored stands."


def report(
    counts: Mapping[str, int], *, rows: int | None = None, note: str | None = None, costs: Sequence[Cost] = ()
) -> dg.MaterializeResult[None]:
    """A result with its counts as metadata.

    Args:
        counts: by outcome; zeros are shown too.
        rows: rows written, shown in Dagster's own row count.
        note: a sentence for whoever looks at the run.
        costs: what the providers cost; shown as a table, with its sums.
    """
    metadata: dict[str, dg.MetadataValue] = {name: dg.MetadataValue.int(count) for name, count in counts.items()}
    if rows is not None:
        metadata["dagster/row_count"] = dg.MetadataValue.int(rows)
    if note is not None:
        metadata["note"] = dg.MetadataValue.text(note)
    if costs:
        metadata["provider_calls"] = dg.MetadataValue.int(sum(cost.call_count for cost in costs))
        metadata["provider_units"] = dg.MetadataValue.int(sum(cost.unit_count for cost in costs))
        metadata["provider_seconds"] = dg.MetadataValue.float(round(sum(cost.seconds for cost in costs), 3))
        metadata["provider_costs"] = dg.MetadataValue.table([_record(cost) for cost in costs])
    return dg.MaterializeResult(metadata=metadata)


def _record(cost: Cost) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "provider": cost.provider,
            "operation": cost.operation,
            "calls": cost.call_count,
            "units": cost.unit_count,
            "seconds": round(cost.seconds, 3),
        }
    )


def total(counts: list[Counter[str]]) -> Counter[str]:
    """The sum of several months' counts; zeros stay, which adding counters would drop."""
    added: Counter[str] = Counter()
    for one in counts:
        added.update(one)
    return added
