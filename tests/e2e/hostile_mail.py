"""Mail that anybody can write to a seed: made to break who reads it, or to be taken for a probe."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.warehouse import tables
from tests.e2e.conftest import Bench

_MANY_MIB = 6
_MIB = 1024 * 1024

#: What stands in place of the From's name, between the header and the body, and in the body; each in an own message.
MONSTERS: Mapping[str, tuple[bytes, bytes, bytes]] = {
    "forged_token": (b"Anna", b"", b"Hello"),
    "deep_from": (b"(" * 20_000 + b")" * 20_000, b"", b"Hello"),
    "many_parameters": (
        b"Anna",
        b"Content-Type: multipart/mixed; " + b"; ".join(b"p%d=%d" % (n, n) for n in range(5_000)) + b"\r\n",
        b"Hello",
    ),
    "nul": (b"Anna", b"Message-ID: <a\0b@stranger.example>\r\n", b"Hel\0lo"),
    "huge_header": (b"Anna", b"X-Huge: " + b"a" * _MIB + b"\r\n", b"Hello"),
    "many_mib": (b"Anna", b"", (b"a" * 76 + b"\r\n") * (_MANY_MIB * _MIB // 78)),
}


def write_monster(bench: Bench, kind: str) -> None:
    """Write one to every seed, each with the tokens of a probe to it and From its mailbox."""
    name, fields, body = MONSTERS[kind]
    for seed_id, job in _jobs_by_seed(bench).items():
        sender = job["from_address"]
        header = b"From: %s <%s>\r\n%s: %s\r\n%s" % (
            name,
            sender.encode(),
            TOKEN_HEADER.encode(),
            job["token"].encode(),
            fields,
        )
        address = _address_of(bench, seed_id)
        bench.world.write_as_stranger([address], header + b"Subject: Hi\r\n\r\n" + body, sender, folder="junk")


def write_copies(bench: Bench) -> None:
    """Write every probe that lies in a seed to it again, as it is and with another text; both are filed as spam."""
    # A receiver tells seconds: what comes within the one in which the probe came cannot be told from it.
    time.sleep(1.1)
    for job in _jobs(bench):
        address = _address_of(bench, job["seed_id"])
        for raw in bench.world.mail(address, job["token"])[:1]:
            for copy in (raw, raw + b"\r\nChanged."):
                bench.world.write_as_stranger([address], copy, job["from_address"], folder="junk")


def _jobs_by_seed(bench: Bench) -> dict[str, dict[str, Any]]:
    return {job["seed_id"]: job for job in _jobs(bench)}


def _jobs(bench: Bench) -> Iterator[dict[str, Any]]:
    """The jobs, with the address that each is sent from."""
    mailboxes = {test["test_id"]: test["mailbox_id"] for test in bench.rows(tables.placement_tests)}
    addresses = {row["mailbox_id"]: row["address"] for row in bench.rows(tables.rep_roster)}
    for job in bench.rows(tables.send_jobs):
        yield {**job, "from_address": addresses[mailboxes[job["test_id"]]]}


def _address_of(bench: Bench, seed_id: str) -> str:
    return next(seed.address for seed in bench.place.settings.seeds if seed.id == seed_id)
