"""What an asset tells of a run: counts by outcome, added up over the months it was for."""

from collections import Counter
from collections.abc import Mapping

import dagster as dg

MONTH_OVER = "The month is over: nothing was sent or asked again; what is stored stands."


def report(
    counts: Mapping[str, int], *, rows: int | None = None, note: str | None = None
) -> dg.MaterializeResult[None]:
    """A result with its counts as metadata.

    Args:
        counts: by outcome; zeros are shown too.
        rows: rows written, shown in Dagster's own row count.
        note: a sentence for whoever looks at the run.
    """
    metadata: dict[str, dg.MetadataValue] = {name: dg.MetadataValue.int(count) for name, count in counts.items()}
    if rows is not None:
        metadata["dagster/row_count"] = dg.MetadataValue.int(rows)
    if note is not None:
        metadata["note"] = dg.MetadataValue.text(note)
    return dg.MaterializeResult(metadata=metadata)


def total(counts: list[Counter[str]]) -> Counter[str]:
    """The sum of several months' counts; zeros stay, which adding counters would drop."""
    added: Counter[str] = Counter()
    for one in counts:
        added.update(one)
    return added
