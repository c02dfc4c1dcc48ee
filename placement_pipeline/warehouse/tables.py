"""The raw tables, as SQLAlchemy Core sees them; migrations build them, a test compares the two.

Naming: ``_at`` a UTC timestamp, ``_month`` and ``_week`` the first day of one in the
business time zone, ``_rate`` in 0 to 1, ``_code`` one of a closed set. Rows are
addressed by our own ids; mail addresses stand only where the sheet or a send needs them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "placement"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)

Moment = DateTime(timezone=True)

# One row: a Pipedrive user as the roster saw it in this month, and why it is tested or not.
roster_users = Table(
    "roster_users",
    metadata,
    Column("roster_month", Date, primary_key=True),
    Column("rep_id_pipedrive", BigInteger, primary_key=True),
    Column("rep_name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("mailbox_count", Integer, nullable=False),
    Column("tested_mailbox_count", Integer, nullable=False),
    Column("is_in", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    Column("observed_at", Moment, nullable=False),
)

# One row: a rep's sending address as the roster saw it in this month.
rep_roster = Table(
    "rep_roster",
    metadata,
    Column("roster_month", Date, primary_key=True),
    Column("mailbox_id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("rep_id", Text, nullable=False),
    Column("rep_id_pipedrive", BigInteger),
    Column("rep_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("account_address", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("sync_mode", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("is_in", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    Column("signature_html", Text, nullable=False),
    Column("merge_fields", JSONB, nullable=False),
    Column("observed_at", Moment, nullable=False),
)

# One row: what a mailbox had sent when it was read in this month, our probes left out. Where it could not be read,
# nothing is known: moments and counts are null.
mailbox_activity = Table(
    "mailbox_activity",
    metadata,
    Column("roster_month", Date, primary_key=True),
    Column("mailbox_id", Text, primary_key=True),
    Column("is_read", Boolean, nullable=False),
    Column("first_sent_at", Moment),
    Column("last_sent_at", Moment),
    Column("sent_30_days_count", Integer),
    Column("sent_90_days_count", Integer),
    Column("observed_at", Moment, nullable=False),
)

# One row: a won deal, archived ones too.
won_deals = Table(
    "won_deals",
    metadata,
    Column("deal_id_pipedrive", BigInteger, primary_key=True),
    Column("rep_id_pipedrive", BigInteger, nullable=False),
    Column("value", Numeric(18, 2), nullable=False),
    Column("currency", Text, nullable=False),
    Column("won_at", Moment, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("observed_at", Moment, nullable=False),
)

# One row: a seed mailbox as configured when it was last used.
seed_mailboxes = Table(
    "seed_mailboxes",
    metadata,
    Column("seed_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("provider_family", Text, nullable=False),
    Column("provider_group", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("observed_at", Moment, nullable=False),
)

# One row: the content of a template version, so that a probe can always be rendered as it was planned.
template_versions = Table(
    "template_versions",
    metadata,
    Column("template_id", Text, primary_key=True),
    Column("template_version", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("first_used_at", Moment, nullable=False),
)

# One row: a placement test that was planned, with its reason. plan_key says what it was owed for.
placement_tests = Table(
    "placement_tests",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("plan_key", Text, nullable=False, unique=True),
    Column("test_month", Date, nullable=False),
    Column("mailbox_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("template_id", Text, nullable=False),
    Column("template_version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("last_sent_at", Moment),
    Column("closed_at", Moment),
    Column("stop_code", Text),
    Column("stop_detail", Text),
    Column("retest_of_test_id", Text, ForeignKey(f"{SCHEMA}.placement_tests.test_id")),
    Column("run_id", Text, nullable=False),
    ForeignKeyConstraint(
        ["test_month", "mailbox_id"],
        [f"{SCHEMA}.rep_roster.roster_month", f"{SCHEMA}.rep_roster.mailbox_id"],
    ),
    ForeignKeyConstraint(
        ["template_id", "template_version"],
        [f"{SCHEMA}.template_versions.template_id", f"{SCHEMA}.template_versions.template_version"],
    ),
    CheckConstraint("state in ('open', 'final', 'stopped')", name="state"),
    Index(None, "test_month", "mailbox_id"),
)

# One row: a probe to a seed and what became of it. The outbox.
send_jobs = Table(
    "send_jobs",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column(
        "seed_id",
        Text,
        ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"),
        primary_key=True,
    ),
    Column("token", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("not_before_at", Moment, nullable=False),
    Column("claimed_by", BigInteger),
    Column("handed_over_at", Moment),
    Column("sent_at", Moment),
    Column("draft_id_provider", Text),
    Column("message_id_provider", Text),
    Column("internet_message_id", Text),
    Column("resolved_by", Text),
    Column("outcome_code", Text),
    Column("outcome_detail", Text),
    CheckConstraint("state in ('planned', 'sending', 'sent', 'refused', 'unknown')", name="state"),
    Index(None, "state", "not_before_at"),
)

# One row: an attempt to send a probe. send_jobs holds how the last one ended, here all of them stay.
send_attempts = Table(
    "send_attempts",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("seed_id", Text, primary_key=True),
    Column("attempt_number", Integer, primary_key=True),
    Column("worker", BigInteger, nullable=False),
    Column("handed_over_at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("outcome_code", Text),
    Column("outcome_detail", Text),
    Column("resolved_by", Text),
    Column("draft_id_provider", Text),
    Column("message_id_provider", Text),
    Column("internet_message_id", Text),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    CheckConstraint("outcome in ('sending', 'sent', 'unsent', 'refused', 'unknown')", name="outcome"),
)

# Numbers of the workers that drain the outbox; a worker holds the advisory lock of its number while it lives.
outbox_worker_number = Sequence("outbox_worker_number", metadata=metadata)

# One row: one pass over one seed mailbox.
sweeps = Table(
    "sweeps",
    metadata,
    Column("sweep_id", BigInteger, primary_key=True, autoincrement=True),
    Column("seed_id", Text, ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"), nullable=False),
    Column("swept_at", Moment, nullable=False),
    Column("duration_seconds", Float, nullable=False),
    Column("is_read", Boolean, nullable=False),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("message_count", Integer, nullable=False),
    Column("probe_count", Integer, nullable=False),
    Column("call_count", Integer, nullable=False),
    Column("calls", JSONB, nullable=False),
    Column("run_id", Text, nullable=False),
    Index(None, "seed_id", "swept_at"),
)

# One row: up to where a seed mailbox was read.
seed_cursors = Table(
    "seed_cursors",
    metadata,
    Column("seed_id", Text, ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"), primary_key=True),
    Column("cursor", JSONB, nullable=False),
    Column("moved_at", Moment, nullable=False),
)

# One row: one of our probes in a seed mailbox: where it lies now, and the message as it was received.
seed_messages = Table(
    "seed_messages",
    metadata,
    Column(
        "seed_id",
        Text,
        ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"),
        primary_key=True,
    ),
    Column("message_id_provider", Text, primary_key=True),
    Column("test_id", Text),
    Column("received_at", Moment),
    Column("internet_message_id", Text),
    Column("found_by", Text),
    Column("sent_via", Text),
    Column("is_filter_bypassed", Boolean, nullable=False),
    Column("is_moved_by_rule", Boolean, nullable=False),
    Column("location", JSONB),
    Column("raw", LargeBinary),
    Column("first_seen_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    Index(None, "test_id"),
)

# One row: a probe seen (or not) in a seed, at one sweep.
seed_placements = Table(
    "seed_placements",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("seed_id", Text, primary_key=True),
    Column(
        "sweep_id",
        BigInteger,
        ForeignKey(f"{SCHEMA}.sweeps.sweep_id"),
        primary_key=True,
    ),
    Column("placement", Text, nullable=False),
    Column("location", JSONB),
    Column("message_id_provider", Text),
    Column("observed_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    # Read every minute by who waits for something to publish; such placements are rare.
    Index("ix_seed_placements_late", "test_id", "observed_at", postgresql_where=text("placement = 'delayed'")),
)

# One row: why a probe that was sent shows up in no folder, or showed up too late.
probe_explanations = Table(
    "probe_explanations",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("seed_id", Text, primary_key=True),
    Column("placement", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("explained_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
)

# One row: what one operation of one provider has cost a run.
provider_calls = Table(
    "provider_calls",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("call_month", Date, nullable=False),
    Column("call_count", BigInteger, nullable=False),
    Column("unit_count", BigInteger, nullable=False),
    Column("wait_seconds", Float, nullable=False),
    Column("observed_at", Moment, nullable=False),
    Index(None, "call_month"),
)

# One row: the newest refresh token of a grant that rotates, encrypted; origin tells from which configured one it came.
rotated_tokens = Table(
    "rotated_tokens",
    metadata,
    Column("grant_key", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("rotated_at", Moment, nullable=False),
)

# One row: a finding on a domain, a From address, a tracking host or a received message.
auth_audits = Table(
    "auth_audits",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("subject_kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("check_name", Text, primary_key=True),
    Column("reason_code", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("observed_at", Moment, nullable=False),
    CheckConstraint("status in ('pass', 'warn', 'fail', 'unknown')", name="status"),
)

# One row: a test and provider group: how many, which rates, how sure, flagged or not.
scored_placements = Table(
    "scored_placements",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("provider_group", Text, primary_key=True),
    Column("job_count", Integer, nullable=False),
    Column("resolved_count", Integer, nullable=False),
    Column("inbox_count", Integer, nullable=False),
    Column("primary_count", Integer, nullable=False),
    Column("reach_count", Integer, nullable=False),
    Column("spam_count", Integer, nullable=False),
    Column("missing_count", Integer, nullable=False),
    Column("pending_count", Integer, nullable=False),
    Column("not_sent_count", Integer, nullable=False),
    Column("void_count", Integer, nullable=False),
    Column("moved_count", Integer, nullable=False),
    Column("duplicate_count", Integer, nullable=False),
    Column("inbox_rate", Float),
    Column("primary_rate", Float),
    Column("reach_rate", Float),
    Column("inbox_rate_low", Float),
    Column("inbox_rate_high", Float),
    Column("is_flagged", Boolean, nullable=False),
    Column("flag_code", Text),
    Column("certainty_code", Text, nullable=False),
    Column("control_inbox_rate", Float),
    Column("team_median_inbox_rate", Float),
    Column("scored_at", Moment, nullable=False),
)

# One row: a flagged test (or one with something to say) and a likely cause, the likeliest first.
diagnoses = Table(
    "diagnoses",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("rank", Integer, primary_key=True),
    Column("cause_code", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("diagnosed_at", Moment, nullable=False),
)

# One row: what was written where, once.
publications = Table(
    "publications",
    metadata,
    Column("publication_id", BigInteger, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("content_key", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("outcome_code", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
    UniqueConstraint("kind", "content_key", "target"),
)
