"""The commands that audit by hand, against the sandbox's DNS and mail that its receivers judged."""

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from placement_pipeline import cli
from placement_pipeline.domain.findings import REASONS
from placement_pipeline.domain.message import MAX_MESSAGE_BYTES
from placement_pipeline.sandbox.server import Sandbox
from tests.contract.conftest import ANNA, MIA, Doors, no_draft, probe_to

GOOGLE_IP = "209.85.208.41"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def placement(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command as the script does, in a folder without a configuration, asking the sandbox's DNS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLACEMENT_CONFIG", raising=False)
    nameserver = f"{sandbox.endpoints.dns_host}:{sandbox.endpoints.dns_port}"

    async def run(*arguments: str, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["placement", *arguments, "--nameserver", nameserver])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))

        def call() -> int:
            try:
                cli.main()
            except SystemExit as end:
                return int(end.code or 0)
            return 0

        code = await asyncio.to_thread(call)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture
async def received(doors: Doors, tmp_path: Path) -> Callable[[str, str], Awaitable[str]]:
    """Has a mailbox send a probe to a seed, and saves what arrived."""

    async def save(seed_id: str, sender: str = ANNA) -> str:
        probe = probe_to(seed_id, sender)
        await (doors.gmail_sender(sender) if sender == ANNA else doors.graph_sender(sender)).send(probe, no_draft)
        (raw,) = [
            message.raw
            for message in doors.sandbox.office.store.messages(doors.account(seed_id).address)
            if probe.token.encode() in message.raw
        ]
        path = tmp_path / f"{seed_id}.eml"
        path.write_bytes(raw)
        return str(path)

    return save


async def test_an_address_is_audited_check_by_check(placement: Command) -> None:
    outcome = await placement("audit", ANNA, "--tracking-host", "go.acme.example", "--json")
    (report,) = outcome.json()
    assert outcome.code == 0
    assert list(report) == ["id", "subject", "checks", "findings"]
    assert (report["id"], report["subject"]) == (ANNA, ANNA)
    assert list(report["checks"]) == ["spf", "dkim", "dmarc", "mx", "tracking"]
    assert report["checks"]["spf"] == {"status": "pass", "codes": ["spf_ok"]}
    assert report["checks"]["mx"]["status"] == "pass"
    for finding in report["findings"]:
        assert list(finding) == ["check", "status", "code", "evidence", "remedy"]
        assert (REASONS[finding["code"]].check, REASONS[finding["code"]].status) == (
            finding["check"],
            finding["status"],
        )


async def test_the_provider_is_found_out_unless_it_is_named(placement: Command) -> None:
    found = (await placement("audit", MIA, "--json")).json()[0]
    named = (await placement("audit", MIA, "--json", "--provider", "google")).json()[0]
    both = (await placement("audit", MIA, "--json", "--provider", "both")).json()[0]
    assert found["checks"]["spf"]["codes"] == ["spf_ok"]
    assert named["checks"]["spf"]["codes"] == ["spf_provider_missing"]
    assert both["checks"]["spf"]["codes"] == ["spf_provider_missing"]


async def test_a_check_that_was_not_asked_for_has_no_codes(placement: Command) -> None:
    (report,) = (await placement("audit", ANNA, "--json")).json()
    assert report["checks"]["tracking"] == {"status": "unknown", "codes": []}


async def test_people_get_a_table(placement: Command) -> None:
    outcome = await placement("audit", ANNA)
    assert "v=spf1" in outcome.out
    assert "spf pass" in outcome.out


async def test_lines_are_answered_by_lines_and_a_bad_one_says_what_is_wrong(placement: Command) -> None:
    lines = [
        json.dumps({"id": 1, "address": ANNA}),
        "nobody",
        json.dumps({"id": 3, "address": MIA, "provider": "both"}),
    ]
    outcome = await placement("audit", "-", stdin="\n".join(lines).encode())
    answers = {answer["id"]: answer for answer in outcome.json()}
    assert set(answers) == {1, "2", 3}
    assert answers[1]["checks"]["spf"]["status"] == "pass"
    assert "no mail address" in answers["2"]["error"]
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1


async def test_each_of_many_lines_is_answered_once(placement: Command) -> None:
    source = "".join(f"rep{number}@acme.example\n" for number in range(300))
    outcome = await placement("audit", "-", stdin=source.encode())
    assert sorted(answer["id"] for answer in outcome.json()) == sorted(source.split())
    assert outcome.code == 0


@pytest.mark.parametrize("seed_id", ["gmail-01", "m365-01", "regional-01"])
async def test_a_received_message_is_inspected(placement: Command, received: Any, seed_id: str) -> None:
    outcome = await placement("inspect", await received(seed_id), "--json")
    (report,) = outcome.json()
    assert list(report["checks"]) == ["spf", "dkim", "dmarc", "arc", "receiver", "content"]
    assert report["checks"]["dkim"]["codes"] == ["dkim_aligned"]
    assert report["checks"]["dmarc"]["codes"] == ["dmarc_pass"]
    assert report["checks"]["spf"]["codes"] == ["spf_pass_aligned"]


async def test_a_message_comes_from_standard_input_too(placement: Command, received: Any) -> None:
    path = await received("gmail-01")
    raw = await asyncio.to_thread(Path(path).read_bytes)
    (report,) = (await placement("inspect", "-", "--json", stdin=raw)).json()
    assert report["subject"] == "-"
    assert report["checks"]["dmarc"]["status"] == "pass"


async def test_an_envelope_given_by_hand_is_evaluated_in_place_of_the_receivers(
    placement: Command, received: Any
) -> None:
    path = await received("gmail-01")
    envelope = ("--ip", "192.0.2.1", "--mail-from", ANNA, "--helo", "mx.acme.example")
    (report,) = (await placement("inspect", path, *envelope, "--json")).json()
    assert report["checks"]["spf"]["codes"] == ["spf_refused"]
    (report,) = (
        await placement("inspect", path, "--ip", GOOGLE_IP, "--mail-from", "a@globex.example", "--json")
    ).json()
    assert report["checks"]["spf"]["codes"] == ["spf_refused"]


async def test_an_authserv_id_that_nobody_wrote_leaves_the_receiver_unknown(placement: Command, received: Any) -> None:
    (report,) = (
        await placement("inspect", await received("gmail-01"), "--authserv-id", "mx.other.example", "--json")
    ).json()
    assert report["checks"]["receiver"]["status"] == "unknown"


async def test_an_spf_identity_gives_the_plain_result(placement: Command) -> None:
    outcome = await placement("spf", "--ip", GOOGLE_IP, "--mail-from", ANNA, "--json")
    assert outcome.json() == [{"result": "pass", "explanation": None}]
    outcome = await placement("spf", "--ip", "192.0.2.1", "--mail-from", ANNA)
    assert outcome.out == "softfail\n"


async def test_spf_lines_are_answered_by_lines(placement: Command) -> None:
    lines = [
        {"id": "a", "ip": GOOGLE_IP, "mail_from": ANNA, "helo": ""},
        {"id": "b", "ip": "192.0.2.1", "mail_from": "", "helo": "nowhere.test"},
        {"id": "c", "ip": "192.0.2", "mail_from": ANNA},
    ]
    outcome = await placement("spf", "-", stdin="\n".join(map(json.dumps, lines)).encode())
    answers = {answer["id"]: answer for answer in outcome.json()}
    assert answers["a"] == {"id": "a", "result": "pass", "explanation": None}
    assert answers["b"]["result"] == "none"
    assert "no IP address" in answers["c"]["error"]


MISTAKES = {
    "no address": (("audit", "nobody"), "'nobody': no mail address"),
    "standard input among others": (("audit", ANNA, "-"), "write - alone"),
    "no such file": (("inspect", "gone.eml"), "gone.eml: No such file"),
    "a folder": (("inspect", "."), ".: Is a directory"),
    "an empty message": (("inspect", "-"), "-: empty"),
    "no client": (("spf", "--mail-from", ANNA), "--ip"),
    "a client that is none": (("inspect", "-", "--ip", "x"), "'x': no IP address"),
    "a nameserver that is none": (("audit", ANNA, "--nameserver", ":x"), "nameserver"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_one_line_and_no_traceback(placement: Command, name: str) -> None:
    arguments, said = MISTAKES[name]
    outcome = await placement(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("placement: ")
    assert outcome.err.count("\n") == 1
    assert said in outcome.err


async def test_a_message_too_large_to_be_judged_is_told_in_one_line(placement: Command) -> None:
    outcome = await placement("inspect", "-", stdin=b"a" * (MAX_MESSAGE_BYTES + 1))
    assert outcome.code == 2
    assert "larger than 8 MiB" in outcome.err


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe" * 5000,
        b"\r\n\r\n",
        b"From: " + b"(" * 50_000,
        b"Authentication-Results: " + b"a=b;" * 100_000,
        b"DKIM-Signature: " + b"v=1; " * 50_000 + b"\r\n\r\nx",
        b"Received: from " + b"[" * 100_000 + b"\r\nFrom: a@acme.example\r\n\r\n" + b"<div>" * 50_000,
    ],
    ids=range(6),
)
async def test_a_hostile_message_gets_a_report_or_one_line(placement: Command, raw: bytes) -> None:
    outcome = await placement("inspect", "-", "--json", stdin=raw)
    assert "Traceback" not in outcome.err
    assert outcome.code in (0, 2)
    assert len(outcome.out.splitlines()) == (outcome.code == 0)


async def test_a_message_that_cannot_be_read_keeps_no_other_from_being_shown(
    placement: Command, received: Any, tmp_path: Path
) -> None:
    (tmp_path / "empty.eml").write_bytes(b"\n")
    path = await received("gmail-01")

    outcome = await placement("inspect", "gone.eml", "empty.eml", path, "--json")

    assert outcome.code == 1
    assert len(outcome.json()) == 1
    assert [line.partition(": ")[2].partition(":")[0] for line in outcome.err.splitlines()] == ["gone.eml", "empty.eml"]
