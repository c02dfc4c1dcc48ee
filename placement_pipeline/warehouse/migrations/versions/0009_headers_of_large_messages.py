"""Of a message that is too large to be kept, its header is."""

import sqlalchemy as sa
from alembic import op

SCHEMA = "placement"

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WAS = "The whole message, as evidence for the audits."
NOW = "The message, as evidence for the audits; of one over 1 MiB its header."


def upgrade() -> None:
    op.alter_column("seed_messages", "raw", comment=NOW, existing_comment=WAS, schema=SCHEMA)
    is_whole = sa.Column(
        "is_whole",
        sa.Boolean,
        nullable=False,
        server_default=sa.true(),
        comment="Whether raw is the whole message.",
    )
    op.add_column("seed_messages", is_whole, schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("seed_messages", "is_whole", schema=SCHEMA)
    op.alter_column("seed_messages", "raw", comment=WAS, existing_comment=NOW, schema=SCHEMA)
