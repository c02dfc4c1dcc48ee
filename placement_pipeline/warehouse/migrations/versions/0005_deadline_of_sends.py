"""By when a test's probes must be out: no mailbox keeps the others' sheet waiting for longer."""

import sqlalchemy as sa
from alembic import op

SCHEMA = "placement"

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "placement_tests",
        sa.Column(
            "send_by_at",
            sa.DateTime(timezone=True),
            comment="By when its probes must be out; null before the first run that may send, and on the CRM route.",
        ),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_column("placement_tests", "send_by_at", schema=SCHEMA)
