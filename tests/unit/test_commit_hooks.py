"""What runs before a commit is what ``make test`` begins with, and nothing is fetched for it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
_, _, RECIPES = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ntest:")
CHECKS = re.findall(r"^\t\$\(BIN\)/(.+)$", RECIPES.partition("\n\n")[0], re.M)


def faults(hooks: Mapping[str, Any], checks: Sequence[str]) -> list[str]:
    """What differs between the hooks and the checks before the tests."""
    found = [f"{one['repo']} is fetched" for one in hooks["repos"] if one["repo"] != "local"]
    listed = [hook for one in hooks["repos"] for hook in one["hooks"]]
    wanted = [f".venv/bin/{check}" for check in checks if not check.startswith("pytest")]
    if [hook["entry"] for hook in listed] != wanted:
        found.append(f"the hooks are not {wanted}")
    # With names, mypy and ruff would look at the changed files alone, and mypy at fewer than it needs.
    found += [f"{hook['id']} gets names" for hook in listed if hook.get("pass_filenames", True)]
    return found + [f"{hook['id']} is installed" for hook in listed if hook["language"] != "system"]


def test_the_hooks_are_what_make_test_begins_with() -> None:
    assert CHECKS[-1].startswith("pytest")
    assert faults(HOOKS, CHECKS) == []


HOOK = {"id": "x", "entry": ".venv/bin/x", "language": "system", "pass_filenames": False}


@pytest.mark.parametrize(
    ("repo", "hook", "fault"),
    [
        ("https://example.org/x", {}, "https://example.org/x is fetched"),
        ("local", {"entry": ".venv/bin/x --fix"}, "the hooks are not ['.venv/bin/x']"),
        ("local", {"language": "python"}, "x is installed"),
        ("local", {"pass_filenames": True}, "x gets names"),
    ],
)
def test_a_hook_that_differs_is_caught(repo: str, hook: Mapping[str, Any], fault: str) -> None:
    assert faults({"repos": [{"repo": repo, "hooks": [{**HOOK, **hook}]}]}, ["x", "pytest"]) == [fault]
    assert faults({"repos": [{"repo": "local", "hooks": [HOOK]}]}, ["x", "pytest"]) == []
