"""The raw tables, first version.

Everything is written out: this file builds the same schema for ever, whatever becomes of ``tables``.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateSequence, DropSequence

SCHEMA = "placement"

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(CreateSequence(sa.Sequence("outbox_worker_number", schema=SCHEMA)))
    op.create_table(
        "rep_roster",
        sa.Column("roster_month", sa.Date(), nullable=False),
        sa.Column("mailbox_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("rep_id", sa.Text(), nullable=False),
        sa.Column("rep_id_pipedrive", sa.BigInteger()),
        sa.Column("rep_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("account_address", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sync_mode", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("is_in", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("signature_html", sa.Text(), nullable=False),
        sa.Column("merge_fields", postgresql.JSONB(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("roster_month", "mailbox_id", name=op.f("pk_rep_roster")),
        schema=SCHEMA,
    )
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
    op.create_table(
        "won_deals",
        sa.Column("deal_id_pipedrive", sa.BigInteger(), nullable=False),
        sa.Column("rep_id_pipedrive", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("won_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("deal_id_pipedrive", name=op.f("pk_won_deals")),
        schema=SCHEMA,
    )
    op.create_table(
        "seed_mailboxes",
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("provider_family", sa.Text(), nullable=False),
        sa.Column("provider_group", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seed_id", name=op.f("pk_seed_mailboxes")),
        schema=SCHEMA,
    )
    op.create_table(
        "template_versions",
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("template_version", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "template_version", name=op.f("pk_template_versions")),
        schema=SCHEMA,
    )
    op.create_table(
        "placement_tests",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("plan_key", sa.Text(), nullable=False),
        sa.Column("test_month", sa.Date(), nullable=False),
        sa.Column("mailbox_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("template_version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("stop_code", sa.Text()),
        sa.Column("stop_detail", sa.Text()),
        sa.Column("retest_of_test_id", sa.Text()),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('open', 'final', 'stopped')", name=op.f("ck_placement_tests_state")),
        sa.ForeignKeyConstraint(
            ["retest_of_test_id"],
            ["placement.placement_tests.test_id"],
            name=op.f("fk_placement_tests_retest_of_test_id"),
        ),
        sa.ForeignKeyConstraint(
            ["template_id", "template_version"],
            ["placement.template_versions.template_id", "placement.template_versions.template_version"],
            name=op.f("fk_placement_tests_template_id_template_version"),
        ),
        sa.ForeignKeyConstraint(
            ["test_month", "mailbox_id"],
            ["placement.rep_roster.roster_month", "placement.rep_roster.mailbox_id"],
            name=op.f("fk_placement_tests_test_month_mailbox_id"),
        ),
        sa.PrimaryKeyConstraint("test_id", name=op.f("pk_placement_tests")),
        sa.UniqueConstraint("plan_key", name=op.f("uq_placement_tests_plan_key")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_placement_tests_test_month_mailbox_id"), "placement_tests", ["test_month", "mailbox_id"], schema=SCHEMA
    )
    op.create_table(
        "send_jobs",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("not_before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.BigInteger()),
        sa.Column("handed_over_at", sa.DateTime(timezone=True)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("draft_id_provider", sa.Text()),
        sa.Column("message_id_provider", sa.Text()),
        sa.Column("internet_message_id", sa.Text()),
        sa.Column("resolved_by", sa.Text()),
        sa.Column("outcome_code", sa.Text()),
        sa.Column("outcome_detail", sa.Text()),
        sa.CheckConstraint(
            "state in ('planned', 'sending', 'sent', 'refused', 'unknown')", name=op.f("ck_send_jobs_state")
        ),
        sa.ForeignKeyConstraint(["seed_id"], ["placement.seed_mailboxes.seed_id"], name=op.f("fk_send_jobs_seed_id")),
        sa.ForeignKeyConstraint(["test_id"], ["placement.placement_tests.test_id"], name=op.f("fk_send_jobs_test_id")),
        sa.PrimaryKeyConstraint("test_id", "seed_id", name=op.f("pk_send_jobs")),
        sa.UniqueConstraint("token", name=op.f("uq_send_jobs_token")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_send_jobs_state_not_before_at"), "send_jobs", ["state", "not_before_at"], schema=SCHEMA)
    op.create_table(
        "sweeps",
        sa.Column("sweep_id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_detail", sa.Text()),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("probe_count", sa.Integer(), nullable=False),
        sa.Column("call_count", sa.Integer(), nullable=False),
        sa.Column("calls", postgresql.JSONB(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["seed_id"], ["placement.seed_mailboxes.seed_id"], name=op.f("fk_sweeps_seed_id")),
        sa.PrimaryKeyConstraint("sweep_id", name=op.f("pk_sweeps")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_sweeps_seed_id_swept_at"), "sweeps", ["seed_id", "swept_at"], schema=SCHEMA)
    op.create_table(
        "seed_messages",
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("message_id_provider", sa.Text(), nullable=False),
        sa.Column("test_id", sa.Text()),
        sa.Column("received_at", sa.DateTime(timezone=True)),
        sa.Column("internet_message_id", sa.Text()),
        sa.Column("found_by", sa.Text()),
        sa.Column("is_filter_bypassed", sa.Boolean(), nullable=False),
        sa.Column("raw", sa.LargeBinary()),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["seed_id"], ["placement.seed_mailboxes.seed_id"], name=op.f("fk_seed_messages_seed_id")
        ),
        sa.ForeignKeyConstraint(
            ["test_id", "seed_id"],
            ["placement.send_jobs.test_id", "placement.send_jobs.seed_id"],
            name=op.f("fk_seed_messages_test_id_seed_id"),
        ),
        sa.PrimaryKeyConstraint("seed_id", "message_id_provider", name=op.f("pk_seed_messages")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_seed_messages_test_id"), "seed_messages", ["test_id"], schema=SCHEMA)
    op.create_table(
        "seed_placements",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("seed_id", sa.Text(), nullable=False),
        sa.Column("sweep_id", sa.BigInteger(), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("location", postgresql.JSONB()),
        sa.Column("message_id_provider", sa.Text()),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["placement.sweeps.sweep_id"], name=op.f("fk_seed_placements_sweep_id")),
        sa.ForeignKeyConstraint(
            ["test_id", "seed_id"],
            ["placement.send_jobs.test_id", "placement.send_jobs.seed_id"],
            name=op.f("fk_seed_placements_test_id_seed_id"),
        ),
        sa.PrimaryKeyConstraint("test_id", "seed_id", "sweep_id", name=op.f("pk_seed_placements")),
        schema=SCHEMA,
    )
    op.create_table(
        "auth_audits",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status in ('pass', 'warn', 'fail', 'unknown')", name=op.f("ck_auth_audits_status")),
        sa.ForeignKeyConstraint(
            ["test_id"], ["placement.placement_tests.test_id"], name=op.f("fk_auth_audits_test_id")
        ),
        sa.PrimaryKeyConstraint(
            "test_id", "subject_kind", "subject", "check_name", "reason_code", name=op.f("pk_auth_audits")
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "scored_placements",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("provider_group", sa.Text(), nullable=False),
        sa.Column("job_count", sa.Integer(), nullable=False),
        sa.Column("resolved_count", sa.Integer(), nullable=False),
        sa.Column("inbox_count", sa.Integer(), nullable=False),
        sa.Column("primary_count", sa.Integer(), nullable=False),
        sa.Column("reach_count", sa.Integer(), nullable=False),
        sa.Column("spam_count", sa.Integer(), nullable=False),
        sa.Column("missing_count", sa.Integer(), nullable=False),
        sa.Column("pending_count", sa.Integer(), nullable=False),
        sa.Column("not_sent_count", sa.Integer(), nullable=False),
        sa.Column("void_count", sa.Integer(), nullable=False),
        sa.Column("moved_count", sa.Integer(), nullable=False),
        sa.Column("duplicate_count", sa.Integer(), nullable=False),
        sa.Column("inbox_rate", sa.Float()),
        sa.Column("primary_rate", sa.Float()),
        sa.Column("reach_rate", sa.Float()),
        sa.Column("inbox_rate_low", sa.Float()),
        sa.Column("inbox_rate_high", sa.Float()),
        sa.Column("is_flagged", sa.Boolean(), nullable=False),
        sa.Column("flag_code", sa.Text()),
        sa.Column("certainty_code", sa.Text(), nullable=False),
        sa.Column("control_inbox_rate", sa.Float()),
        sa.Column("team_median_inbox_rate", sa.Float()),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["test_id"], ["placement.placement_tests.test_id"], name=op.f("fk_scored_placements_test_id")
        ),
        sa.PrimaryKeyConstraint("test_id", "provider_group", name=op.f("pk_scored_placements")),
        schema=SCHEMA,
    )
    op.create_table(
        "diagnoses",
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("diagnosed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["test_id"], ["placement.placement_tests.test_id"], name=op.f("fk_diagnoses_test_id")),
        sa.PrimaryKeyConstraint("test_id", "rank", name=op.f("pk_diagnoses")),
        schema=SCHEMA,
    )
    op.create_table(
        "publications",
        sa.Column("publication_id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content_key", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("outcome_code", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("pk_publications")),
        sa.UniqueConstraint("kind", "content_key", "target", name=op.f("uq_publications_kind_content_key_target")),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("publications", schema=SCHEMA)
    op.drop_table("diagnoses", schema=SCHEMA)
    op.drop_table("scored_placements", schema=SCHEMA)
    op.drop_table("auth_audits", schema=SCHEMA)
    op.drop_table("seed_placements", schema=SCHEMA)
    op.drop_table("seed_messages", schema=SCHEMA)
    op.drop_table("sweeps", schema=SCHEMA)
    op.drop_table("send_jobs", schema=SCHEMA)
    op.drop_table("placement_tests", schema=SCHEMA)
    op.drop_table("template_versions", schema=SCHEMA)
    op.drop_table("seed_mailboxes", schema=SCHEMA)
    op.drop_table("won_deals", schema=SCHEMA)
    op.drop_table("mailbox_activity", schema=SCHEMA)
    op.drop_table("rep_roster", schema=SCHEMA)
    op.execute(DropSequence(sa.Sequence("outbox_worker_number", schema=SCHEMA)))
