"""A month's sends and sweeps against their floor: bare loops that make the calls a month cannot do without.

By hand: ``make bench`` with few mailboxes, ``make bench-full`` with a thousand mailboxes and
twenty seeds at 50 ms a call, which takes a quarter of an hour. It prints ratios and asserts no
time. Both laps have a sandbox of their own, in a process of its own, on the same machine; what
it spends stands beside.

Where the time above the floor goes, by a profile of 30 mailboxes (``PLACEMENT_PROFILE``; 23 s on
the processor, in shares):

- 32 % httpcore's pool, which looks at all its connections at each request and each answer; the
  bare loops pay it too, on one client as wide;
- 14 % importing libraries, once a run: next to nothing in a full month;
- 9 % the standard library's header parser, and 5 % jinja2: rendering each probe, the floor sends one text;
- 8 % PostgreSQL and SQLAlchemy: claims, outcomes, drafts, sightings, which the floor does not store;
- 2 % our own code; the rest is sockets, TLS, JSON and waiting.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from placement_pipeline.connectors import http
from placement_pipeline.settings import load_settings
from tests.benchmarks.bare_loop import BareLoop
from tests.benchmarks.worlds import address_of, make_world, write_world
from tests.e2e.living_world import LivingWorld, run_world

IS_FULL = os.environ.get("PLACEMENT_BENCHMARK") == "full"
MAILBOXES, SEEDS = (1_000, 20) if IS_FULL else (30, 20)
PROFILE = os.environ.get("PLACEMENT_PROFILE")
"""A file for the pipeline's profile (``python -m pstats FILE`` reads it); a lap that is profiled proves no ratio."""

LATENCY_MS = 50
SWEEPS = 5

FEW, MANY, FEW_SEEDS = (100, 10_000, 2) if IS_FULL else (20, 200, 2)

MOST_TIMES_THE_FLOOR = 1.5
MOST_CALLS_TIMES_THE_FLOOR = 1.05
MOST_BYTES = 2**30
MOST_GROWTH = 1.25
"""Of the peak of memory, from few mailboxes to a hundred times as many."""

UNPACED = {
    "PLACEMENT_PACING__INTERVAL": "0s",
    "PLACEMENT_PACING__HOURLY_CAP": "1000000",
    "PLACEMENT_PACING__DAILY_CAP": "1000000",
    "PLACEMENT_PACING__COOL_DOWN": "0s",
    # Of a seed that gets a thousand probes Google's quota alone would take minutes; here it is not what is measured.
    "PLACEMENT_QUOTAS__GMAIL_MAILBOX_UNITS": "100000000",
    "PLACEMENT_QUOTAS__GMAIL_PROJECT_UNITS": "100000000",
    "PLACEMENT_SWEEPS__AGES": '["2m", "5m", "15m", "60m", "24h"]',
}


@dataclass(frozen=True, slots=True)
class Lap:
    """What one way of doing a month's sends and sweeps took.

    Attributes:
        seconds: from the first call to the last.
        cpu_seconds: of the process that made the calls.
        sandbox_cpu_seconds: of the process that answered.
        calls: by provider.
    """

    seconds: float
    cpu_seconds: float
    sandbox_cpu_seconds: float
    calls: Mapping[str, int]

    def calls_each(self, probes: int) -> float:
        """Calls a probe, from its send to its final placement."""
        return sum(self.calls.values()) / probes


async def test_a_month_beside_the_calls_it_cannot_do_without(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = dict(make_world(MAILBOXES, SEEDS)) | {"wire": {"latency_ms": LATENCY_MS}}
    with _running(tmp_path / "floor", world, database, monkeypatch) as spent:
        floor_seconds, floor_cpu, floor_calls = await _run_bare()
    floor = Lap(floor_seconds, floor_cpu, spent[0], floor_calls)
    with _running(tmp_path / "ours", world, database, monkeypatch) as spent:
        told = _run_pipeline(1, MAILBOXES)
    ours = Lap(told["seconds"], told["cpu_seconds"], spent[0] - told["cpu_seconds"], _by_provider(told["costs"]))

    probes = MAILBOXES * SEEDS
    with capsys.disabled():
        sys.stdout.write(_report(ours, floor, probes, told))
    assert told["counts"]["sent"] == probes
    assert told["counts"]["closed_tests"] == MAILBOXES
    assert ours.calls_each(probes) <= MOST_CALLS_TIMES_THE_FLOOR * floor.calls_each(probes)
    assert ours.seconds <= MOST_TIMES_THE_FLOOR * floor.seconds


def test_the_memory_of_a_month_does_not_grow_with_its_mailboxes(
    tmp_path: Path, new_database: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peaks = {}
    for mailboxes in (FEW, MANY):
        world = make_world(mailboxes, FEW_SEEDS)
        with _running(tmp_path / str(mailboxes), world, new_database(), monkeypatch):
            _sign_in_by_delegation(tmp_path / str(mailboxes))
            told = _run_pipeline(1, mailboxes)
        assert told["counts"]["sent"] == mailboxes * FEW_SEEDS
        peaks[mailboxes] = told["peak_bytes"]

    with capsys.disabled():
        sys.stdout.write(
            f"\nPeak memory: {peaks[FEW] / 2**20:.0f} MiB with {FEW} mailboxes,"
            f" {peaks[MANY] / 2**20:.0f} MiB with {MANY}\n"
        )
    assert peaks[MANY] < MOST_BYTES
    assert peaks[MANY] <= MOST_GROWTH * peaks[FEW]


async def _run_bare() -> tuple[float, float, Counter[str]]:
    settings = load_settings()
    html = settings.templates[0].file.read_text(encoding="utf-8")
    started, cpu = time.perf_counter(), time.process_time()
    async with http.build_client(settings.endpoints.ca_bundle) as client:
        loop = BareLoop(settings, client, html)
        await loop.send_all([address_of(number) for number in range(1, MAILBOXES + 1)])
        for _ in range(SWEEPS):
            await loop.sweep_all()
    return time.perf_counter() - started, time.process_time() - cpu, loop.calls


def _run_pipeline(first: int, last: int) -> dict[str, Any]:
    profiler = ["-m", "cProfile", "-o", PROFILE] if PROFILE else []
    command = [sys.executable, *profiler, "-m", "tests.benchmarks.pipeline_process", str(first), str(last)]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(told.stdout.splitlines()[-1]))


@contextmanager
def _running(
    home: Path, world: Mapping[str, Any], database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[float]]:
    """A sandbox with this world, and the environment pointed at it; afterwards the CPU seconds of all it started."""
    home.mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent: list[float] = []
    with run_world(home, write_world(home / "world.yaml", world)) as running:
        _point_at(running, database, home, monkeypatch)
        yield spent
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _point_at(running: LivingWorld, database: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (running.environment(database, home) | UNPACED).items():
        monkeypatch.setenv(name, value)


def _sign_in_by_delegation(home: Path) -> None:
    """Let one service account speak for all of Google's mailboxes, as a company of thousands does.

    Parsing a file with a secret for each of them would cost more memory than the month.
    """
    (secrets,) = home.rglob("secrets.toml")
    head, _, rest = secrets.read_text(encoding="utf-8").partition("\n[mailboxes]\n")
    key = f'google_service_account_file = "{secrets.parent / "service-account.json"}"'
    secrets.write_text(f"{head}{key}\n{rest[rest.index('[seeds]') :]}", encoding="utf-8")


def _by_provider(costs: list[Mapping[str, Any]]) -> Counter[str]:
    calls: Counter[str] = Counter()
    for cost in costs:
        provider = "sign_in" if cost["provider"].endswith("sign_in") else cost["provider"]
        calls[provider] += cost["call_count"]
    return calls


def _report(ours: Lap, floor: Lap, probes: int, told: Mapping[str, Any]) -> str:
    lines = [
        f"\n{MAILBOXES} mailboxes x {SEEDS} seeds, {LATENCY_MS} ms a call, {SWEEPS} sweeps: {probes} probes",
        f"  wall: {ours.seconds:.1f} s, bare loops {floor.seconds:.1f} s, ratio {ours.seconds / floor.seconds:.2f}"
        f" (sending {told['sending_seconds']:.1f} s)",
        f"  CPU: {ours.cpu_seconds:.1f} s beside {ours.sandbox_cpu_seconds:.1f} s of the sandbox;"
        f" bare loops {floor.cpu_seconds:.1f} s beside {floor.sandbox_cpu_seconds:.1f} s",
        f"  calls a probe: {ours.calls_each(probes):.3f}, floor {floor.calls_each(probes):.3f},"
        f" ratio {ours.calls_each(probes) / floor.calls_each(probes):.3f}",
    ]
    for provider in sorted({*ours.calls, *floor.calls}):
        lines.append(f"    {provider}: {ours.calls.get(provider, 0)}, floor {floor.calls.get(provider, 0)}")
    return "\n".join(lines) + "\n"
