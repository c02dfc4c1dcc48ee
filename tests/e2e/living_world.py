"""A sandbox in a process of its own: it lives on while the pipeline under test dies."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

WORLDS = Path(__file__).parent / "worlds"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LivingWorld:
    """A running sandbox, and the files that point the pipeline at it.

    Attributes:
        control: of the sandbox's own API, kept open: a new client reads every certificate authority there is.
        folder: of ``placement.toml`` and the files beside it.
    """

    control: httpx.Client
    folder: Path

    def environment(self, database: str, home: Path) -> dict[str, str]:
        """What the pipeline's settings are read from."""
        return {
            "PLACEMENT_HOME": str(home),
            "PLACEMENT_CONFIG": str(self.folder / "placement.toml"),
            "PLACEMENT_SECRETS_FILE": str(self.folder / "secrets.toml"),
            "PLACEMENT_DATABASE_URL": database,
            "PLACEMENT_EXPORT__DIRECTORY": str(home / "exports"),
        }

    def stats(self) -> Mapping[str, Any]:
        """What the world has counted."""
        return self._get("stats")

    def sent_count(self) -> int:
        """How many messages the world has taken, ever."""
        return sum(self.stats()["submissions"].values())

    def truth(self) -> Mapping[str, Any]:
        """What was planted."""
        return self._get("truth")

    def fix(self, subject: str, fault: str) -> None:
        """Repair a planted fault."""
        self._post("fix", {"subject": subject, "fault": fault})

    def send_sequence(self, mailbox: str, contacts: list[str]) -> None:
        """Let Pipedrive mail these contacts."""
        self._post("crm_send", {"mailbox": mailbox, "contacts": contacts})

    def write_as_stranger(self, accounts: Collection[str], raw: bytes, from_address: str, **more: object) -> None:
        """Have a stranger's host hand mail over to these accounts; ``folder`` files it by force."""
        body = {"accounts": [*accounts], "raw": base64.b64encode(raw).decode(), "from": from_address, **more}
        self._post("stranger_send", body)

    def mail(self, address: str, holding: str) -> list[bytes]:
        """What lies in an account and holds a word, oldest first."""
        answer = self.control.get("mail", params={"account": address, "holding": holding}).raise_for_status()
        return [base64.b64decode(one["raw"]) for one in answer.json()]

    def trouble(self, operation: str, behaviour: str, **more: object) -> None:
        """Make trouble on the wire."""
        self._post("wire_fault", {"rules": [{"operation": operation, "behaviour": behaviour, **more}]})

    def slow_down(self, latency_ms: float) -> None:
        """Let every call take longer."""
        self._post("wire_fault", {"latency_ms": latency_ms})

    def revoke(self, address: str, *, is_revoked: bool = True) -> None:
        """Reset an account's password, or give its grant back."""
        self._post("revoke", {"account": address, "is_revoked": is_revoked})

    def expire_history(self, address: str) -> None:
        """Let Gmail's history or Graph's delta links of an account be too old."""
        self._post("expire_history", {"account": address})

    def renumber(self, address: str) -> None:
        """Give an IMAP account's messages other UIDs under another UIDVALIDITY."""
        self._post("renumber", {"account": address})

    def thin_out(self, kept_count: int) -> None:
        """Take all but the newest messages out of every mailbox."""
        self._post("thin_out", {"kept_count": kept_count})

    def calm(self) -> None:
        """End all trouble on the wire."""
        self.control.delete("wire_fault").raise_for_status()

    def _get(self, what: str) -> Mapping[str, Any]:
        return dict(self.control.get(what).raise_for_status().json())

    def _post(self, what: str, body: Mapping[str, object]) -> None:
        self.control.post(what, json=body).raise_for_status()


@contextmanager
def run_world(home: Path, world: Path | None = None) -> Iterator[LivingWorld]:
    """Run a world for as long as the block lasts.

    Args:
        home: where the world keeps its state and the configuration is written.
        world: a world file; None for the default world.
    """
    folder, ports = home / "configuration", home / "ports.json"
    command = [sys.executable, "-m", "placement_pipeline.sandbox", "--state", str(home / "state")]
    command += ["--configuration", str(folder), "--port-file", str(ports)]
    command += ["--world", str(world)] if world else []
    process = subprocess.Popen(command, env=os.environ.copy())
    try:
        control = f"{_wait_for(ports, process)}/_sandbox"
        with httpx.Client(base_url=control, trust_env=False, timeout=60) as client:
            yield LivingWorld(client, folder)
    finally:
        process.terminate()
        process.wait(timeout=_START_SECONDS)


def _wait_for(ports: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if ports.exists():
            return str(json.loads(ports.read_text(encoding="utf-8"))["control"])
        assert process.poll() is None, "the sandbox did not start; its message stands above"
        time.sleep(0.02)
    raise AssertionError("the sandbox did not answer in time")
