"""What a mailbox sent: one row a month with its first and last message, instead of counts by week.

The weeks cannot be turned into it and nothing is lost with them: both are read from the
mailbox's own Sent folder, and the next run reads it again.
"""

import sqlalchemy as sa
from alembic import op

SCHEMA = "placement"

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("mailbox_activity", schema=SCHEMA)
    op.create_table(
        "mailbox_activity",
        sa.Column("roster_month", sa.Date(), nullable=False),
        sa.Column("mailbox_id", sa.Text(), nullable=False),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True)),
        sa.Column("last_sent_at", sa.DateTime(timezone=True)),
        sa.Column("sent_30_days_count", sa.Integer()),
        sa.Column("sent_90_days_count", sa.Integer()),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("roster_month", "mailbox_id", name=op.f("pk_mailbox_activity")),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("mailbox_activity", schema=SCHEMA)
    op.create_table(
        "mailbox_activity",
        sa.Column("mailbox_id", sa.Text(), nullable=False),
        sa.Column("activity_week", sa.Date(), nullable=False),
        sa.Column("sent_count", sa.Integer()),
        sa.Column("replied_count", sa.Integer()),
        sa.Column("has_older_mail", sa.Boolean()),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "activity_week", name=op.f("pk_mailbox_activity")),
        schema=SCHEMA,
    )
