"""Importing the package reads no setting and opens nothing: one process imports all of it."""

import subprocess
import sys
from pathlib import Path

import placement_pipeline

ROOT = Path(placement_pipeline.__path__[0])
LEFT_OUT = {"warehouse/migrations/env"}  # Alembic runs it as a script

IMPORT_ALL = """
import importlib, os, sys
ours, *names = sys.argv[1:]
done = []

def called_by_us(frame):
    while frame.f_code.co_filename in ("<frozen os>", "<frozen _collections_abc>"):  # getenv, environ.get
        frame = frame.f_back
    return "/placement_pipeline/" in frame.f_code.co_filename

def is_data_of_ours(path):
    path = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
    is_code = path.endswith(".py") or "/__pycache__/" in path
    return path.startswith(ours + "/") and not path.startswith(sys.prefix + "/") and not is_code

def watch(event, arguments):
    # Whatever our own modules open, and whoever opens what is ours; the libraries read their own data.
    if event in ("open", "socket.connect", "subprocess.Popen"):
        if called_by_us(sys._getframe(1)) or is_data_of_ours(arguments[0]):
            done.append((event, arguments[0]))

class Environment(type(os.environ)):
    def __getitem__(self, name):
        if called_by_us(sys._getframe(1)):
            done.append(("environ", name))
        return super().__getitem__(name)

os.environ.__class__ = Environment
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
assert not done, done
"""


def import_all(folder: Path, *names: str, root: Path = ROOT.parent) -> str:
    """What a process with an empty environment complains of while it imports these; empty where all is well."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(root), *names],
        cwd=folder,
        env={} if root == ROOT.parent else {"PYTHONPATH": str(root)},
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
    modules = [f"placement_pipeline.{name}" for name in names]
    assert len(modules) > 100
    assert import_all(tmp_path, *modules) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_reads_a_file_or_a_setting_at_import_is_caught(tmp_path: Path) -> None:
    package = tmp_path / "root" / "placement_pipeline"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    project = package.parent / "dbt" / "dbt_project.yml"
    project.parent.mkdir()
    project.touch()

    def said(name: str, *lines: str) -> str:
        (package / f"{name}.py").write_text("\n".join(lines), encoding="utf-8")
        return import_all(tmp_path, f"placement_pipeline.{name}", root=package.parent)

    assert "AssertionError: [('open'" in said("opens", "TEXT = open(__file__).read()")
    assert "AssertionError: [('open'" in said(
        "lets", "import linecache", f"TEXT = linecache.getlines({str(project)!r})"
    )
    assert "KeyError: 'PLACEMENT_HOME'" in said("asks", "import os", "HOME = os.environ['PLACEMENT_HOME']")
    assert "[('environ', 'PLACEMENT_HOME')]" in said("hopes", "import os", "HOME = os.getenv('PLACEMENT_HOME')")
    assert said("waits", "import os", "def text() -> str:", "    return open(os.environ['HOME']).read()") == ""
