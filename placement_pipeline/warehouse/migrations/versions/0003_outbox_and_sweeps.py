"""Attempts, cursors, explanations, costs, rotated tokens, and the roster's word on every user.

Messages in a seed that are none of our probes are no longer kept: what was remembered of
them goes. Where a message lies moves from its last sighting to the message itself.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

SCHEMA = "placement"

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "roster_users",
        sa.Column("roster_month", sa.Date(), nullable=False),
        sa.Column("rep_id_pipedrive", sa.BigInteger(), nullable=False),
        sa.Column("rep_name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("mailbox_count", sa.Integer(), nullable=False),
        sa.Column("tested_mailbox_count", sa.Integer(), nullable=False),
        sa.Column("is_in", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("observed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("roster_month", "rep_id_pipedrive", name=op.f("pk_roster_users")),
        schema=SCHEMA,
    )
    op.create_table(
        "send_attempts",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("attempt_number", sa.Integer(), nullable=False),
        sa.Column("worker", sa.BigInteger(), nullable=False),
        sa.Column("handed_over_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("outcome_code", sa.Text()),
        sa.Column("outcome_detail", sa.Text()),
        sa.Column("resolved_by", sa.Text()),
        sa.Column("draft_id_provider", sa.Text()),
        sa.Column("message_id_provider", sa.Text()),
        sa.Column("internet_message_id", sa.Text()),
        sa.CheckConstraint(
            "outcome in ('sending', 'sent', 'unsent', 'refused', 'unknown')", name=op.f("ck_send_attempts_outcome")
        ),
        _of_job("send_attempts"),
        sa.PrimaryKeyConstraint("test_id", "seed_id", "attempt_number", name=op.f("pk_send_attempts")),
        schema=SCHEMA,
    )
    op.create_table(
        "seed_cursors",
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("cursor", postgresql.JSONB(), nullable=False),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["seed_id"], ["placement.seed_mailboxes.seed_id"], name=op.f("fk_seed_cursors_seed_id")
        ),
        sa.PrimaryKeyConstraint("seed_id", name=op.f("pk_seed_cursors")),
        schema=SCHEMA,
    )
    op.create_table(
        "probe_explanations",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("explained_at", MOMENT, nullable=False),
        _of_job("probe_explanations"),
        sa.PrimaryKeyConstraint("test_id", "seed_id", name=op.f("pk_probe_explanations")),
        schema=SCHEMA,
    )
    op.create_table(
        "provider_calls",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("call_month", sa.Date(), nullable=False),
        sa.Column("call_count", sa.BigInteger(), nullable=False),
        sa.Column("unit_count", sa.BigInteger(), nullable=False),
        sa.Column("wait_seconds", sa.Float(), nullable=False),
        sa.Column("observed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "stage", "provider", "operation", name=op.f("pk_provider_calls")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_provider_calls_call_month"), "provider_calls", ["call_month"], schema=SCHEMA)
    op.create_table(
        "rotated_tokens",
        sa.Column("grant_key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("rotated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("grant_key", name=op.f("pk_rotated_tokens")),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_seed_placements_late",
        "seed_placements",
        ["test_id", "observed_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("placement = 'delayed'"),
    )
    op.add_column("seed_messages", sa.Column("sent_via", sa.Text()), schema=SCHEMA)
    op.add_column("seed_messages", sa.Column("location", postgresql.JSONB()), schema=SCHEMA)
    op.add_column("seed_messages", sa.Column("is_moved_by_rule", sa.Boolean()), schema=SCHEMA)
    op.execute("delete from placement.seed_messages where test_id is null")
    op.execute(
        """
        update placement.seed_messages as m
        set location = s.location - 'is_moved_by_rule',
            is_moved_by_rule = coalesce((s.location ->> 'is_moved_by_rule')::boolean, false)
        from (
            select distinct on (seed_id, message_id_provider) seed_id, message_id_provider, location
            from placement.seed_placements where message_id_provider is not null
            order by seed_id, message_id_provider, sweep_id desc
        ) as s
        where s.seed_id = m.seed_id and s.message_id_provider = m.message_id_provider
        """
    )
    op.execute("update placement.seed_messages set is_moved_by_rule = false where is_moved_by_rule is null")
    op.alter_column("seed_messages", "is_moved_by_rule", nullable=False, schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("ix_seed_placements_late", "seed_placements", schema=SCHEMA)
    for column in ("is_moved_by_rule", "location", "sent_via"):
        op.drop_column("seed_messages", column, schema=SCHEMA)
    for table in (
        "rotated_tokens", "provider_calls", "probe_explanations", "seed_cursors", "send_attempts", "roster_users",
    ):  # fmt: skip
        op.drop_table(table, schema=SCHEMA)


def _of_job(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["test_id", "seed_id"],
        ["placement.send_jobs.test_id", "placement.send_jobs.seed_id"],
        name=op.f(f"fk_{table}_test_id_seed_id"),
    )
