"""The wheel: built from the sdist, installed where no checkout is, and loaded there."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import inspect

import placement_pipeline
from placement_pipeline.warehouse.embedded import EmbeddedServer
from tests.conftest import engine_on
from tests.orchestration.conftest import MAILBOXES, SETTINGS

ROOT = Path(placement_pipeline.__path__[0]).parent
SCRIPTS = Path(sys.executable).parent

LOAD = """
import json
import dagster as dg
from placement_pipeline import definitions
from placement_pipeline.defs import marts
project = marts.dbt_project()
assets = [key.to_user_string() for asset in definitions.defs().assets for key in asset.keys]
project.manifest_path.unlink()
try:
    definitions.defs()
except dg.DagsterInvalidDefinitionError as error:
    print(json.dumps([definitions.__file__, str(project.project_dir), assets, str(error)]))
"""


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the sdist makes, built by what is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    offline = ("--offline", "--no-build-isolation", "--python", sys.executable)
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TMPDIR": str(folder)}
    run(SCRIPTS / "uv", "build", "--quiet", *offline, "--out-dir", folder, ROOT, cwd=folder, env=environment)
    (built,) = folder.glob("*.whl")
    return built


@dataclass(frozen=True, slots=True)
class Installed:
    """A fresh environment with the wheel and the libraries of this one, and without its checkout."""

    python: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> str:
        return run(self.python.with_name(program), *arguments, cwd=cwd, env={"PATH": os.defpath})


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed") / "venv"
    uv = SCRIPTS / "uv"
    run(uv, "venv", "--quiet", "--offline", "--python", sys.executable, folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel, cwd=folder.parent)
    (site,) = folder.glob("lib/python*/site-packages")
    # The libraries are found there, but its own .pth files, and so the checkout, are not.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    dbt = folder / "bin" / "dbt"
    dbt.write_text(f"#!{python}\nfrom dbt.cli.main import cli\ncli()\n", encoding="utf-8")
    dbt.chmod(0o755)
    return Installed(python)


def test_the_wheel_holds_the_dbt_project_with_a_manifest_and_nothing_that_dbt_left_behind(wheel: Path) -> None:
    inside = "placement_pipeline/_dbt/"
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix(inside) for name in archive.namelist() if name.startswith(inside)}
        manifest = archive.read(f"{inside}target/manifest.json").decode()
        rooms = {name.partition("/")[0] for name in archive.namelist()}

    sources = {path.relative_to(ROOT / "dbt") for path in (ROOT / "dbt").rglob("*") if path.is_file()}
    left_behind = {path for path in sources if path.parts[0] in ("target", "logs", ".user.yml")}
    assert left_behind
    assert names == {str(path) for path in sources - left_behind} | {"target/manifest.json"}
    assert rooms == {"placement_pipeline", f"placement_pipeline-{version('placement-pipeline')}.dist-info"}
    assert '"model.placement.monthly_sheet"' in manifest
    assert str(ROOT) not in manifest
    assert str(wheel.parent) not in manifest


def test_the_code_location_loads_from_the_wheel_and_not_without_its_manifest(
    installed: Installed, tmp_path: Path
) -> None:
    module, project, assets, refusal = json.loads(installed.run("python", "-c", LOAD, cwd=tmp_path))

    assert Path(module).parent == Path(project).parent
    assert Path(module).is_relative_to(installed.python.parents[1])
    assert {"rep_roster", "monthly_sheet"} <= set(assets)
    assert "manifest.json is missing" in refusal
    assert not list(tmp_path.iterdir())


def test_the_command_of_the_wheel_helps_and_makes_the_embedded_database(installed: Installed, tmp_path: Path) -> None:
    assert "migrate" in installed.run("placement", "--help", cwd=tmp_path)
    assert not list(tmp_path.iterdir())

    (tmp_path / "placement.toml").write_text(SETTINGS)
    (tmp_path / "mailboxes.csv").write_text(MAILBOXES)
    (tmp_path / "intro.html").write_text("<p>Hello {{ contact.first_name }}</p>")
    server = EmbeddedServer(tmp_path / ".placement")
    try:
        assert "up to date" in installed.run("placement", "migrate", cwd=tmp_path)
        with engine_on(server.url) as engine:
            assert {"placement", "dagster"} <= set(inspect(engine).get_schema_names())
    finally:
        server.remove()
