"""What the sandbox writes for the pipeline to read."""

import tomllib
from pathlib import Path

from placement_pipeline.connectors.roster_table.reading import read_roster_file
from placement_pipeline.sandbox.configuration import SandboxEndpoints, write_configuration
from placement_pipeline.sandbox.world.file import World
from tests.unit.sandbox.conftest import opened


async def test_the_control_mailbox_has_every_field_that_reps_have_for_the_template(
    world: World, state: Path, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:1"
    endpoints = SandboxEndpoints(
        nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, "localhost", 1, 1, "127.0.0.1", 1, tmp_path
    )

    async with opened(world, state) as office:
        path = write_configuration(tmp_path / "demo", office, endpoints)

    control = tomllib.loads(path.read_text(encoding="utf-8"))["control_mailbox"]
    reps = read_roster_file(path.parent / "roster" / "mailboxes.csv")
    assert all(control["merge_fields"].keys() == rep.merge_fields.keys() for rep in reps)
