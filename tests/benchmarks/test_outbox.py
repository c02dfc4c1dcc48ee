"""The outbox against its floor: what claiming, committing and storing cost beside the bare calls.

By hand: ``pytest tests/benchmarks``. It prints a ratio and asserts no time. The sandbox
answers from a process of its own, and what it spends on a message is in both numbers.
"""

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import Engine, select

from placement_pipeline.connectors import http
from placement_pipeline.connectors.mime import build_email
from placement_pipeline.domain.plan import Request
from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.template import render_probe
from placement_pipeline.domain.words import Scope, SendState, Variant
from placement_pipeline.settings import Settings, load_settings
from placement_pipeline.stages.access import open_access
from placement_pipeline.stages.planning import plan_month, read_template
from placement_pipeline.stages.roster import refresh_roster
from placement_pipeline.stages.sending import drain_outbox
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse import tables
from placement_pipeline.warehouse.roster import load_roster

SEEDS = 60
WARM_UP, MEASURED = "wanda@acme.example", "anna@acme.example"

WORLD = {
    "company": "Acme",
    "domains": [{"name": "acme.example", "hosted_at": "google"}],
    "reps": [
        {"id": number, "name": "Anna Berg", "email": address, "mailboxes": [{"address": address}]}
        for number, address in enumerate((WARM_UP, MEASURED), 1)
    ],
    "seeds": [
        {
            "id": f"gmail-{number:02}",
            "address": f"seed{number:02}@gmail-seed.example",
            "family": "gmail",
            "contact": {"name": "Nora Lind", "company": "Lind"},
        }
        for number in range(SEEDS)
    ],
}


@dataclass(frozen=True)
class Lap:
    """How long so many messages took."""

    messages: int
    seconds: float

    @property
    def milliseconds_each(self) -> float:
        return 1000 * self.seconds / self.messages


@pytest.fixture
def settings(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The configuration of a sandbox that runs as a process of its own."""
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(WORLD))
    ports, folder = tmp_path / "ports.json", tmp_path / "configuration"
    command: list[str | Path] = [sys.executable, "-m", "placement_pipeline.sandbox", "--world", tmp_path / "world.yaml"]
    command += ["--state", tmp_path / "state", "--configuration", folder, "--port-file", ports]
    with subprocess.Popen(command) as process:
        try:
            while not ports.exists():
                assert process.poll() is None, "the sandbox did not start"
                time.sleep(0.05)
            monkeypatch.setenv("PLACEMENT_DATABASE_URL", database)
            monkeypatch.setenv("PLACEMENT_SECRETS_FILE", str(folder / "secrets.toml"))
            yield load_settings(folder / "placement.toml")
        finally:
            process.terminate()


async def test_draining_the_outbox_beside_a_bare_loop_of_posts(
    settings: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workplace(settings, engine, "benchmark")
    async with open_access(settings) as access:
        await refresh_roster(place, access, place.this_month)
    await drain(place, WARM_UP)

    ours = await drain(place, MEASURED)
    floor = await post_bare(place, MEASURED)

    with capsys.disabled():
        print(  # noqa: T201 - the result
            f"\nA message: outbox {ours.milliseconds_each:.1f} ms, bare POST {floor.milliseconds_each:.1f} ms, "
            f"ratio {ours.milliseconds_each / floor.milliseconds_each:.2f} ({ours.messages} messages)"
        )


async def drain(place: Workplace, address: str) -> Lap:
    """Plan the mailbox's test, then drain it; only the drain is timed."""
    mailbox_id = mailbox_id_of(address)
    plan_month(place, place.this_month, Request(Scope.LISTED, frozenset({mailbox_id}), request_key="benchmark"))
    started = time.perf_counter()
    async with open_access(place.settings, place.now) as access:
        counts = await drain_outbox(place, access)
    lap = Lap(counts["sent"], time.perf_counter() - started)
    assert lap.messages == SEEDS
    with place.engine.begin() as connection:
        states = connection.scalars(select(tables.send_jobs.c.state).distinct()).all()
    assert states == [SendState.SENT]
    return lap


async def post_bare(place: Workplace, address: str) -> Lap:
    """The same messages in a loop of POSTs that knows no database; the token's call and the rendering are in it too."""
    with place.engine.begin() as connection:
        (mailbox,) = [entry for entry in load_roster(connection, place.this_month) if entry.address == address]
        jobs = connection.execute(
            select(tables.send_jobs.c.seed_id, tables.send_jobs.c.token)
            .join(tables.placement_tests, tables.placement_tests.c.test_id == tables.send_jobs.c.test_id)
            .where(tables.placement_tests.c.mailbox_id == mailbox.mailbox_id)
        ).all()
    settings, template = place.settings, read_template(place.settings)
    seeds = {seed.id: seed.as_seed_mailbox() for seed in settings.seeds}
    url = f"{settings.endpoints.gmail_api}/gmail/v1/users/me/messages/send"
    started = time.perf_counter()
    async with http.build_client(settings.endpoints.ca_bundle) as client:
        headers = {"Authorization": f"Bearer {await fetch_token(client, settings, address)}"}
        for job in jobs:
            probe = render_probe(template, mailbox, seeds[job.seed_id], job.token, Variant.AS_SENT)
            raw = base64.urlsafe_b64encode(build_email(probe, place.now()).as_bytes()).decode()
            (await client.post(url, json={"raw": raw}, headers=headers)).raise_for_status()
    return Lap(len(jobs), time.perf_counter() - started)


async def fetch_token(client: httpx.AsyncClient, settings: Settings, address: str) -> str:
    secrets = settings.secrets
    assert secrets.google_client_secret
    form = {
        "grant_type": "refresh_token",
        "client_id": secrets.google_client_id,
        "client_secret": secrets.google_client_secret.get_secret_value(),
        "refresh_token": secrets.mailboxes[address].refresh_token.get_secret_value(),
    }
    answer = await client.post(settings.endpoints.google_token, data=form)
    return str(answer.raise_for_status().json()["access_token"])
