"""What hatch does besides, when it builds a wheel: the manifest of the dbt project goes into it.

Made here and not where the wheel is installed: that place may be read-only, and Dagster loads
the code location in every process. A manifest names no path of this machine (only dbt's CSV
seeds would, and there are none), and dbt itself does not read it, so every dbt that the
package allows goes with it.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManifestHook(BuildHookInterface[Any]):
    """Parses the dbt project; a checkout that is installed as it stands keeps its own manifest."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the manifest to the files of the wheel."""
        if version == "editable":
            return
        self._target = TemporaryDirectory()  # gone when the build ends; dbt/target may be in use
        project, target = Path(self.root, "dbt"), self._target.name
        paths = ("--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target)
        # Which database and which dbt settings are set here is no matter of whoever installs the wheel.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PLACEMENT_", "DBT_"))}
        subprocess.run([Path(sys.executable).parent / "dbt", "--quiet", "parse", *paths], env=environment, check=True)
        build_data["force_include"][f"{target}/manifest.json"] = "placement_pipeline/_dbt/target/manifest.json"
