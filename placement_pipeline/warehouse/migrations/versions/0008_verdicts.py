"""The word of a test at a provider group, what a re-test says of the remedy, seeds that fail everybody, top-ups."""

import sqlalchemy as sa
from alembic import op

SCHEMA = "placement"

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "placement_tests",
        sa.Column(
            "tops_up_test_id",
            sa.Text,
            sa.ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
            comment="The test whose measurement it goes on with; null for a test of its own.",
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "placement_verdicts",
        sa.Column("test_id", sa.Text, sa.ForeignKey(f"{SCHEMA}.placement_tests.test_id"), primary_key=True),
        sa.Column(
            "provider_group",
            sa.Text,
            primary_key=True,
            comment="The group of its seed mailboxes: gmail, microsoft365, regional.",
        ),
        sa.Column("resolved_count", sa.Integer, nullable=False, comment="Probes the word rests on."),
        sa.Column("inbox_count", sa.Integer, nullable=False, comment="Those among them in the inbox."),
        sa.Column(
            "word",
            sa.Text,
            nullable=False,
            comment="What they bear out: everyone, confirmed, probable, cannot_tell, fine, not_sent.",
        ),
        sa.Column(
            "peer_p_value",
            sa.Float,
            comment="The chance that a mailbox like the others misses so much; null where nothing is resolved.",
        ),
        sa.Column(
            "is_control_low",
            sa.Boolean,
            nullable=False,
            comment="Whether the control mailbox misses the inbox here too.",
        ),
        sa.Column(
            "further_count",
            sa.Integer,
            nullable=False,
            comment="How many more probes would decide; 0 where it is decided.",
        ),
        sa.Column(
            "is_first",
            sa.Boolean,
            nullable=False,
            comment="Whether it is the first of its mailbox, route and month that measured something.",
        ),
        sa.Column(
            "is_current",
            sa.Boolean,
            nullable=False,
            comment="Whether the month goes by it: the latest of its mailbox and route that measured something here.",
        ),
        sa.Column(
            "retest_verdict",
            sa.Text,
            comment="What it says of the remedy: fixed, not_fixed, cannot_tell.",
        ),
        sa.Column("gained_count", sa.Integer, comment="Seed mailboxes it reached that the re-tested one had missed."),
        sa.Column("lost_count", sa.Integer, comment="The reverse."),
        sa.Column(
            "trend_word",
            sa.Text,
            comment="Of a first test, how it differs from the first of the month before: fell, rose, cannot_tell.",
        ),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        comment=(
            "What a test bears out at one provider group: the word people act on, and what a re-test says of the "
            "remedy. Grain is test and provider group."
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "seed_suspicions",
        sa.Column(
            "test_month",
            sa.Date,
            primary_key=True,
            comment="First day of the month, in the business time zone.",
        ),
        sa.Column("seed_id", sa.Text, sa.ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"), primary_key=True),
        sa.Column("mailbox_count", sa.Integer, nullable=False, comment="Mailboxes with a probe at it."),
        sa.Column(
            "missed_count",
            sa.Integer,
            nullable=False,
            comment="Those among them whose probe missed its inbox.",
        ),
        sa.Column(
            "p_value",
            sa.Float,
            comment="The chance of that, by what they do at the group's other ones; null where they are too few.",
        ),
        sa.Column("is_suspect", sa.Boolean, nullable=False, comment="Whether its probes are void."),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        comment="Whether a seed mailbox fails everybody. Grain is month and seed mailbox.",
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("seed_suspicions", schema=SCHEMA)
    op.drop_table("placement_verdicts", schema=SCHEMA)
    op.drop_column("placement_tests", "tops_up_test_id", schema=SCHEMA)
