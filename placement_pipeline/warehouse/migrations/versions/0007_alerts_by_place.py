"""An alert is published at a place, and may fail there."""

from alembic import op

SCHEMA = "placement"

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _comment("The file, or a digest of the place's URL.", "written, sent or failed.")


def downgrade() -> None:
    _comment("The file, or the setting that names the places.", "written or sent.")


def _comment(target: str, outcome: str) -> None:
    op.alter_column("publications", "target", comment=target, schema=SCHEMA)
    op.alter_column("publications", "outcome_code", comment=outcome, schema=SCHEMA)
