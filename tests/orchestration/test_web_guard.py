"""The real web server behind its guard: an attacking page starts nothing, and the UI's own requests work."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

JOBS = """\
import dagster as dg

@dg.op
def nothing(): ...

@dg.job
def quiet():
    nothing()

defs = dg.Definitions(jobs=[quiet])
"""
LAUNCH = """mutation { launchRun(executionParams: {
  selector: {repositoryName: "__repository__", repositoryLocationName: "quiet", jobName: "quiet"}, runConfigData: "{}"
}) { __typename } }"""
COUNT = "{ runsOrError { ... on Runs { count } } }"
FOREIGN = {"Origin": "https://evil.example"}
JSON = {"Content-Type": "application/json"}


@contextmanager
def running(folder: Path, *program: str) -> Iterator[tuple[httpx.Client, int]]:
    """A web server of a Dagster of its own, with one job, and who asks it."""
    (folder / "jobs.py").write_text(JOBS)
    (folder / "workspace.yaml").write_text(
        f"load_from: [{{python_file: {{relative_path: {folder / 'jobs.py'}, location_name: quiet}}}}]\n"
    )
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [one.replace("PORT", str(port)) for one in program]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port), "-w", str(folder / "workspace.yaml")],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DAGSTER_HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            wait_for(client, process)
            yield client, port
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if client.get("/server_info").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("the web server does not answer")


def count_runs(client: httpx.Client) -> int:
    answer = client.post("/graphql", json={"query": COUNT}).raise_for_status().json()
    return int(answer["data"]["runsOrError"]["count"])


def attacks(port: int) -> dict[str, dict[str, Any]]:
    """What a page elsewhere can have the browser of whoever looks at it send."""
    get = {"method": "GET", "url": "/graphql", "params": {"query": LAUNCH}}
    post = {"method": "POST", "url": "/graphql", "json": {"query": LAUNCH}}
    plain = {"method": "POST", "url": "/graphql", "params": {"query": LAUNCH}}
    return {
        "a mutation by GET": get,
        "a path that a router takes for the same": get | {"url": "/graphql%0A"},
        "plain text": plain | {"headers": {"Content-Type": "text/plain"}},
        "plain text that names JSON": post | {"headers": {"Content-Type": "text/plain; application/json"}},
        "another Host": post | {"headers": {"Host": f"evil.example:{port}"}},
        "another Origin": post | {"headers": FOREIGN},
        "another site": post | {"headers": {"Sec-Fetch-Site": "cross-site"}},
    }


def open_web_socket(port: int, origin: str) -> str:
    """The first line of what is answered to a page that opens a WebSocket."""
    lines = ["GET /graphql HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: {origin}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Version: 13"]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall("\r\n".join([*lines, "Sec-WebSocket-Protocol: graphql-ws", "", ""]).encode())
        return wire.recv(4096).decode("latin-1").splitlines()[0]


def test_an_attacking_page_starts_nothing_and_the_uis_own_requests_work(tmp_path: Path) -> None:
    guarded = (sys.executable, "-m", "placement_pipeline.web_guard", "127.0.0.1:PORT,localhost:PORT")
    with running(tmp_path, *guarded) as (client, port):
        answers = {name: client.request(**attack).status_code for name, attack in attacks(port).items()}
        assert answers == dict.fromkeys(attacks(port), 403)
        assert open_web_socket(port, "https://evil.example").split()[1] == "403"
        assert count_runs(client) == 0

        own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
        assert client.get("/graphql", headers={"Accept": "text/html"}).status_code == 200
        assert open_web_socket(port, own["Origin"]).split()[1] == "101"
        launched = client.post("/graphql", json={"query": LAUNCH}, headers=own).raise_for_status().json()
        assert launched["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
        assert count_runs(client) == 1


def test_the_planted_breach_without_the_guard_the_same_requests_start_runs(tmp_path: Path) -> None:
    with running(tmp_path, str(Path(sys.executable).parent / "dagster-webserver")) as (client, port):
        answers = {name: client.request(**attack).status_code for name, attack in attacks(port).items()}
        assert count_runs(client) == list(answers.values()).count(200) == len(answers)
        assert open_web_socket(port, "https://evil.example").split()[1] == "101"
