"""The pipeline as a process of its own that is measured: from the first send to the last sweep.

``python -m tests.benchmarks.pipeline_process FIRST LAST`` tests the mailboxes of these numbers
and prints one JSON line. What comes before the first send (roster, plan) is not in it.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.sends.plan import Request
from placement_pipeline.domain.words import Scope
from placement_pipeline.settings import load_settings
from placement_pipeline.stages.access import open_access
from placement_pipeline.stages.collecting import collect_seeds
from placement_pipeline.stages.planning import plan_month
from placement_pipeline.stages.roster import refresh_roster
from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.database import open_engine
from tests.benchmarks.worlds import address_of


class _Clock:
    """Our clock, set ahead to each age of the tests instead of waiting for it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def measure(first: int, last: int) -> dict[str, Any]:
    """Test these mailboxes and say what it took."""
    settings = load_settings()
    assert settings.database_url is not None
    engine = open_engine(settings.database_url.get_secret_value())
    clock = _Clock()
    place = Workplace(settings, engine, "benchmark", clock)
    month = place.this_month
    async with open_access(settings, clock) as access:
        await refresh_roster(place, access, month)
    listed = frozenset(mailbox_id_of(address_of(number)) for number in range(first, last + 1))
    plan_month(place, month, Request(Scope.LISTED, listed, request_key=f"{first}-{last}"))
    counts: Counter[str] = Counter()
    started, cpu = time.perf_counter(), time.process_time()
    async with open_access(settings, clock) as access:
        counts += await drain_outbox(place, access)
        sending = time.perf_counter() - started
        for age in settings.sweeps.ages:
            # Tests close a day after their last send: a month may end in between, and the plan is of the first.
            clock.ahead = age + timedelta(seconds=time.perf_counter() - started)
            counts += await collect_seeds(replace(place, now=clock), access)
        costs = access.meter.costs()
    engine.dispose()
    return {
        "seconds": time.perf_counter() - started,
        "sending_seconds": sending,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "counts": counts,
        "costs": [asdict(cost) for cost in costs],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(int(sys.argv[1]), int(sys.argv[2])))) + "\n")
