"""Importing the package reads no setting and opens nothing: one process imports all of it."""

import subprocess
import sys
from pathlib import Path

import placement_pipeline

ROOT = Path(placement_pipeline.__path__[0])
LEFT_OUT = {
    "definitions",  # they and the marts read the dbt project
    "defs/marts",
    "demo",
    "sandbox/__main__",  # runs the sandbox
    "warehouse/migrations/env",  # Alembic runs it as a script
}

IMPORT_ALL = """
import importlib, sys
opened = []
def watch(event, arguments):
    # Only what our own modules open themselves: the libraries read their own data.
    if event in ("open", "socket.connect", "subprocess.Popen"):
        if "/placement_pipeline/" in sys._getframe(1).f_code.co_filename:
            opened.append((event, arguments[0]))
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
assert not opened, opened
"""


def import_all(folder: Path, *names: str, python_path: str = "") -> str:
    """What a process with an empty environment complains of while it imports these; empty where all is well."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        cwd=folder,
        env={"PYTHONPATH": python_path} if python_path else {},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode == 0) is not done.stderr.startswith("Traceback")
    return done.stdout + done.stderr


def test_every_module_imports_with_an_empty_environment_and_opens_nothing(tmp_path: Path) -> None:
    paths = {path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py") if path.name != "__init__.py"}
    names = sorted(str(path).replace("/", ".") for path in paths if str(path) not in LEFT_OUT)
    modules = [f"placement_pipeline.{name}" for name in names if ".versions." not in name]
    assert len(modules) > 100
    assert import_all(tmp_path, *modules) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_reads_a_file_or_a_setting_at_import_is_caught(tmp_path: Path) -> None:
    package = tmp_path / "placement_pipeline"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "opens.py").write_text("TEXT = open(__file__).read()", encoding="utf-8")
    (package / "asks.py").write_text("import os\nHOME = os.environ['PLACEMENT_HOME']", encoding="utf-8")
    (package / "waits.py").write_text("def text() -> str:\n    return open(__file__).read()", encoding="utf-8")
    path = str(tmp_path)
    assert "AssertionError: [('open'" in import_all(tmp_path, "placement_pipeline.opens", python_path=path)
    assert "KeyError: 'PLACEMENT_HOME'" in import_all(tmp_path, "placement_pipeline.asks", python_path=path)
    assert import_all(tmp_path, "placement_pipeline.waits", python_path=path) == ""
