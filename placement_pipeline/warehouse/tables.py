"""The raw tables, as SQLAlchemy Core sees them; migrations build them, a test compares the two.

What one row is stands in the table's comment, in the database too; a column has one where its
name does not say it all.

Naming: ``_at`` a UTC timestamp, ``_month`` and ``_week`` the first day of one in the
business time zone, ``_rate`` in 0 to 1, ``_code`` one of a closed set. Rows are
addressed by our own ids; mail addresses stand only where the sheet or a send needs them.
"""

from collections.abc import Iterable

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
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from placement_pipeline.domain.findings import SubjectKind
from placement_pipeline.domain.scores.placement_word import PlacementWord
from placement_pipeline.domain.scores.retests import RetestVerdict
from placement_pipeline.domain.scores.scoring import Certainty, FlagCode
from placement_pipeline.domain.scores.trends import TrendWord
from placement_pipeline.domain.seeds.landing import SWEPT
from placement_pipeline.domain.seeds.matching import FoundBy
from placement_pipeline.domain.seeds.missing_reasons import EXPLAINED
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.words import (
    AttemptOutcome,
    CheckStatus,
    MailProvider,
    ProviderFamily,
    ProviderGroup,
    Role,
    Route,
    SendState,
    SyncMode,
    TestReason,
    TestState,
    Variant,
)

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


def _listed(what: str, words: Iterable[str]) -> str:
    """A comment that names a column's closed set; one word more is another schema, and wants a migration."""
    return f"{what}: {', '.join(words)}."


roster_users = Table(
    "roster_users",
    metadata,
    Column("roster_month", Date, primary_key=True, comment="First day of the month, in the business time zone."),
    Column("rep_id_pipedrive", BigInteger, primary_key=True),
    Column("rep_name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("mailbox_count", Integer, nullable=False, comment="Sending addresses in the admin's table."),
    Column("tested_mailbox_count", Integer, nullable=False, comment="Those of them that are tested."),
    Column("is_in", Boolean, nullable=False),
    Column("why", Text, nullable=False, comment="Why it is in or out, as a sentence."),
    Column("observed_at", Moment, nullable=False),
    comment=(
        "A Pipedrive user as the roster saw it in this month, and why it is tested or not. Grain is user and month."
    ),
)

rep_roster = Table(
    "rep_roster",
    metadata,
    Column("roster_month", Date, primary_key=True, comment="First day of the month, in the business time zone."),
    Column("mailbox_id", Text, primary_key=True, comment="Made from the address; the same in every month."),
    Column("role", Text, nullable=False, comment=_listed("Whose mailbox it is", Role)),
    Column(
        "rep_id",
        Text,
        nullable=False,
        comment="pd- and Pipedrive's number, or unknown- where the login is no user there.",
    ),
    Column("rep_id_pipedrive", BigInteger),
    Column("rep_name", Text, nullable=False),
    Column("address", Text, nullable=False, comment="What stands in From."),
    Column(
        "account_address",
        Text,
        nullable=False,
        comment="What signs in; another one where the sending address is its alias.",
    ),
    Column("domain", Text, nullable=False, comment="Of the sending address, in lower case."),
    Column("provider", Text, nullable=False, comment=_listed("Who hosts the mailbox", MailProvider)),
    Column("sync_mode", Text, nullable=False, comment=_listed("How Pipedrive is joined to it", SyncMode)),
    Column("route", Text, nullable=False, comment=_listed("Who usually sends for it", Route)),
    Column("is_in", Boolean, nullable=False, comment="Whether it is tested."),
    Column("why", Text, nullable=False, comment="Why it is in or out, as a sentence."),
    Column("signature_html", Text, nullable=False),
    Column("merge_fields", JSONB, nullable=False, comment="The table's further columns, by name."),
    Column("observed_at", Moment, nullable=False),
    comment="A rep's sending address as the roster saw it in this month. Grain is mailbox and month.",
)

mailbox_activity = Table(
    "mailbox_activity",
    metadata,
    Column("roster_month", Date, primary_key=True, comment="First day of the month, in the business time zone."),
    Column("mailbox_id", Text, primary_key=True),
    Column("is_read", Boolean, nullable=False, comment="Whether its Sent folder could be read."),
    Column("first_sent_at", Moment, comment="When its oldest message was sent."),
    Column("last_sent_at", Moment, comment="When its newest message was sent."),
    Column("sent_30_days_count", Integer, comment="Messages sent in the 30 days before it was read."),
    Column("sent_90_days_count", Integer, comment="Messages sent in the 90 days before it was read."),
    Column("observed_at", Moment, nullable=False),
    comment=(
        "What a mailbox had sent when it was read in this month, our probes left out; where it could not be "
        "read, moments and counts are null. "
        "Grain is mailbox and month."
    ),
)

won_deals = Table(
    "won_deals",
    metadata,
    Column("deal_id_pipedrive", BigInteger, primary_key=True),
    Column("rep_id_pipedrive", BigInteger, nullable=False, comment="Its present owner."),
    Column("value", Numeric(18, 2), nullable=False, comment="In the deal's own currency."),
    Column("currency", Text, nullable=False, comment="ISO 4217, or one of the company's own."),
    Column("won_at", Moment, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("observed_at", Moment, nullable=False),
    comment="A won deal, archived ones too. Grain is deal.",
)

seed_mailboxes = Table(
    "seed_mailboxes",
    metadata,
    Column("seed_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("provider_family", Text, nullable=False, comment=_listed("What kind of place it lives at", ProviderFamily)),
    Column("provider_group", Text, nullable=False, comment=_listed("The group it counts to", ProviderGroup)),
    Column("is_active", Boolean, nullable=False, comment="Whether it is still configured."),
    Column("observed_at", Moment, nullable=False),
    comment="A seed mailbox as configured when it was last used. Grain is seed mailbox.",
)

template_versions = Table(
    "template_versions",
    metadata,
    Column("template_id", Text, primary_key=True),
    Column("template_version", Text, primary_key=True, comment="Made from the content."),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("first_used_at", Moment, nullable=False),
    comment=(
        "The content of a template, so that a probe can always be rendered as it was planned. "
        "Grain is template and version."
    ),
)

placement_tests = Table(
    "placement_tests",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("plan_key", Text, nullable=False, unique=True, comment="What it was owed for; the same debt is paid once."),
    Column("test_month", Date, nullable=False, comment="First day of the month, in the business time zone."),
    Column("mailbox_id", Text, nullable=False),
    Column("reason", Text, nullable=False, comment=_listed("Why it was opened", TestReason)),
    Column("variant", Text, nullable=False, comment=_listed("What of the real mail its probes carry", Variant)),
    Column("route", Text, nullable=False, comment=_listed("Who sends it", Route)),
    Column("template_id", Text, nullable=False),
    Column("template_version", Text, nullable=False),
    Column("state", Text, nullable=False, comment=_listed("Where it stands", TestState)),
    Column("opened_at", Moment, nullable=False),
    Column("last_sent_at", Moment),
    Column("closed_at", Moment),
    Column("stop_code", Text, comment="Why it was stopped; a closed set."),
    Column("stop_detail", Text, comment="The same as a sentence."),
    Column("retest_of_test_id", Text, ForeignKey(f"{SCHEMA}.placement_tests.test_id")),
    Column("run_id", Text, nullable=False, comment="Of the Dagster run that opened it."),
    Column(
        "send_by_at",
        Moment,
        comment="By when its probes must be out; null before the first run that may send, and on the CRM route.",
    ),
    Column(
        "tops_up_test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        comment="The test whose measurement it goes on with; null for a test of its own.",
    ),
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
    comment="A placement test that was planned, with its reason. Grain is test.",
)

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
    Column(
        "token",
        Text,
        nullable=False,
        unique=True,
        comment="What the probe is recognised by; made from test and seed mailbox.",
    ),
    Column("state", Text, nullable=False, comment=_listed("What became of it", SendState)),
    Column("attempt_count", Integer, nullable=False),
    Column("not_before_at", Moment, nullable=False, comment="Before when it is not sent."),
    Column("claimed_by", BigInteger, comment="The number of the worker that is sending it."),
    Column("handed_over_at", Moment, comment="When the provider was called for it."),
    Column("sent_at", Moment, comment="When the provider took it."),
    Column("draft_id_provider", Text, comment="The provider's id of the draft, where it has drafts."),
    Column("message_id_provider", Text),
    Column("internet_message_id", Text, comment="Its Message-ID, as the provider told it."),
    Column("resolved_by", Text, comment="Who knew what became of it: provider, sent_folder, seed, stopped, deadline."),
    Column("outcome_code", Text, comment="Why it was refused, or why nothing is known; a closed set."),
    Column("outcome_detail", Text, comment="The same as a sentence."),
    CheckConstraint("state in ('planned', 'sending', 'sent', 'refused', 'unknown')", name="state"),
    Index(None, "state", "not_before_at"),
    comment="A probe to a seed mailbox and what became of it: the outbox. Grain is test and seed mailbox.",
)

send_attempts = Table(
    "send_attempts",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("seed_id", Text, primary_key=True),
    Column("attempt_number", Integer, primary_key=True, comment="Counts from 1."),
    Column("worker", BigInteger, nullable=False, comment="Its number."),
    Column("handed_over_at", Moment, nullable=False, comment="When the provider was called."),
    Column("outcome", Text, nullable=False, comment=_listed("How it ended", AttemptOutcome)),
    Column("outcome_code", Text, comment="Why it was refused, or why nothing is known; a closed set."),
    Column("outcome_detail", Text, comment="The same as a sentence."),
    Column("resolved_by", Text, comment="Who knew how it ended: provider, sent_folder, seed."),
    Column("draft_id_provider", Text, comment="The provider's id of the draft, where it has drafts."),
    Column("message_id_provider", Text),
    Column("internet_message_id", Text, comment="Its Message-ID, as the provider told it."),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    CheckConstraint("outcome in ('sending', 'sent', 'unsent', 'refused', 'unknown')", name="outcome"),
    comment=(
        "An attempt to send a probe; the last one is told by send_jobs too, here all of them stay. "
        "Grain is test, seed mailbox and attempt."
    ),
)

# Numbers of the workers that drain the outbox; a worker holds the advisory lock of its number while it lives.
outbox_worker_number = Sequence("outbox_worker_number", metadata=metadata)

sweeps = Table(
    "sweeps",
    metadata,
    Column("sweep_id", BigInteger, primary_key=True, autoincrement=True),
    Column("seed_id", Text, ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"), nullable=False),
    Column("swept_at", Moment, nullable=False),
    Column("duration_seconds", Float, nullable=False),
    Column("is_read", Boolean, nullable=False, comment="Whether it could be read to the end."),
    Column("error_code", Text, comment="Why not: unreachable, throttled, refused, malformed, failed."),
    Column("error_detail", Text, comment="The same as a sentence."),
    Column("message_count", Integer, nullable=False, comment="Messages that were looked at."),
    Column("probe_count", Integer, nullable=False, comment="Our probes among them."),
    Column("call_count", Integer, nullable=False, comment="Calls of the provider's API."),
    Column("calls", JSONB, nullable=False, comment="The same by operation."),
    Column("run_id", Text, nullable=False, comment="Of the Dagster run."),
    Index(None, "seed_id", "swept_at"),
    comment="One pass over one seed mailbox. Grain is sweep.",
)

seed_cursors = Table(
    "seed_cursors",
    metadata,
    Column("seed_id", Text, ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"), primary_key=True),
    Column("cursor", JSONB, nullable=False, comment="What the provider goes on from, and whose mailbox it was."),
    Column("moved_at", Moment, nullable=False),
    comment="Up to where a seed mailbox was read. Grain is seed mailbox.",
)

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
    Column("received_at", Moment, comment="By the receiver's own clock."),
    Column("internet_message_id", Text),
    Column("found_by", Text, comment=_listed("What it was recognised by", FoundBy)),
    Column("sent_via", Text, comment=_listed("How it was sent, by what its header shows", SentVia)),
    Column("is_filter_bypassed", Boolean, nullable=False, comment="Whether its header says that no filter judged it."),
    Column(
        "is_moved_by_rule",
        Boolean,
        nullable=False,
        comment="Whether its header says that a rule of the mailbox's user decided.",
    ),
    Column("location", JSONB, comment="Labels, folder and view, as the provider names them."),
    Column("raw", LargeBinary, comment="The message, as evidence for the audits; of one over 1 MiB its header."),
    Column(
        "is_whole",
        Boolean,
        nullable=False,
        server_default=true(),
        comment="Whether raw is the whole message.",
    ),
    Column("first_seen_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    Index(None, "test_id"),
    comment=(
        "One of our probes in a seed mailbox: where it lies now, and the message as it was received. "
        "Grain is seed mailbox and message."
    ),
)

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
    Column("placement", Text, nullable=False, comment=_listed("What the sweep says of it", sorted(SWEPT))),
    Column("location", JSONB, comment="Labels, folder and view, as the provider names them."),
    Column("message_id_provider", Text, comment="Null where the sweep did not find it."),
    Column("observed_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    # Read every minute by who waits for something to publish; such placements are rare.
    Index("ix_seed_placements_late", "test_id", "observed_at", postgresql_where=text("placement = 'delayed'")),
    comment="A probe seen, or not, in a seed mailbox at one sweep. Grain is test, seed mailbox and sweep.",
)

probe_explanations = Table(
    "probe_explanations",
    metadata,
    Column("test_id", Text, primary_key=True),
    Column("seed_id", Text, primary_key=True),
    Column("placement", Text, nullable=False, comment=_listed("What it is by this explanation", sorted(EXPLAINED))),
    Column("reason_code", Text, nullable=False, comment="Why; a closed set, and each code gives one placement."),
    Column("evidence", JSONB, nullable=False, comment="What the rep's mailbox and the seed's log told."),
    Column("explained_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["test_id", "seed_id"],
        [f"{SCHEMA}.send_jobs.test_id", f"{SCHEMA}.send_jobs.seed_id"],
    ),
    comment="Why a probe that was sent shows up in no folder, or showed up too late. Grain is test and seed mailbox.",
)

provider_calls = Table(
    "provider_calls",
    metadata,
    Column("run_id", Text, primary_key=True, comment="Of the Dagster run; empty for a command."),
    Column("stage", Text, primary_key=True, comment="The asset or command."),
    Column("provider", Text, primary_key=True),
    Column("operation", Text, primary_key=True, comment="The provider's name of it."),
    Column(
        "call_month",
        Date,
        nullable=False,
        comment="First day of the month the calls were made in, in the business time zone.",
    ),
    Column("call_count", BigInteger, nullable=False, comment="Attempts."),
    Column("unit_count", BigInteger, nullable=False, comment="Units of the provider's own quota; 0 where it has none."),
    Column(
        "wait_seconds",
        Float,
        nullable=False,
        comment="Spent waiting for answers, added up over calls that ran side by side.",
    ),
    Column("observed_at", Moment, nullable=False),
    Index(None, "call_month"),
    comment="What one operation of one provider has cost a run. Grain is run, stage, provider and operation.",
)

rotated_tokens = Table(
    "rotated_tokens",
    metadata,
    Column("grant_key", Text, primary_key=True, comment="Our name of the grant."),
    Column("origin", Text, nullable=False, comment="Keyed digest of the configured token it came from."),
    Column("ciphertext", LargeBinary, nullable=False, comment="Fernet; the key is in the secrets."),
    Column("rotated_at", Moment, nullable=False),
    comment="The newest refresh token of a grant that rotates, encrypted. Grain is grant.",
)

auth_audits = Table(
    "auth_audits",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("subject_kind", Text, primary_key=True, comment=_listed("What it is about", SubjectKind)),
    Column(
        "subject", Text, primary_key=True, comment="A domain or host in lower case, or our id of a mailbox or message."
    ),
    Column("check_name", Text, primary_key=True),
    Column(
        "reason_code",
        Text,
        primary_key=True,
        comment="What was found; a closed set, and each code has one check, status and remedy.",
    ),
    Column("status", Text, nullable=False, comment=_listed("What it says", CheckStatus)),
    Column("evidence", JSONB, nullable=False, comment="What was seen."),
    Column(
        "remedy", Text, nullable=False, comment="One sentence an admin can act on; empty where nothing is to be done."
    ),
    Column("observed_at", Moment, nullable=False),
    CheckConstraint("status in ('pass', 'warn', 'fail', 'unknown')", name="status"),
    comment=(
        "A finding on a domain, a From address, a tracking host, a mailbox or a received message. "
        "Grain is test, subject, check and reason code."
    ),
)

scored_placements = Table(
    "scored_placements",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("provider_group", Text, primary_key=True, comment=_listed("The group of its seed mailboxes", ProviderGroup)),
    Column("job_count", Integer, nullable=False, comment="All probes of the test at this group."),
    Column("resolved_count", Integer, nullable=False, comment="Probes the rates are counted over."),
    Column("inbox_count", Integer, nullable=False, comment="In the inbox, as the setting defines it."),
    Column("primary_count", Integer, nullable=False, comment="In the first view of the inbox."),
    Column(
        "reach_count", Integer, nullable=False, comment="Where a prospect can come across it without looking for it."
    ),
    Column("spam_count", Integer, nullable=False, comment="In Junk or in quarantine."),
    Column("missing_count", Integer, nullable=False, comment="Nowhere, or bounced."),
    Column("pending_count", Integer, nullable=False, comment="Still looked for, or delayed."),
    Column("not_sent_count", Integer, nullable=False, comment="Did not go out."),
    Column("void_count", Integer, nullable=False, comment="At seed mailboxes that say nothing about the sender."),
    Column("moved_count", Integer, nullable=False, comment="Whose first and last place differ."),
    Column("duplicate_count", Integer, nullable=False, comment="Of which more than one copy arrived."),
    Column("inbox_rate", Float, comment="Of the resolved, 0 to 1."),
    Column("primary_rate", Float, comment="Of the resolved, 0 to 1."),
    Column("reach_rate", Float, comment="Of the resolved, 0 to 1."),
    Column("inbox_rate_low", Float, comment="Lower end of the 95 % interval (Wilson)."),
    Column("inbox_rate_high", Float, comment="Upper end of the 95 % interval (Wilson)."),
    Column("is_flagged", Boolean, nullable=False),
    Column("flag_code", Text, comment=_listed("Why it is flagged", FlagCode)),
    Column(
        "certainty_code",
        Text,
        nullable=False,
        comment=_listed("Whether the interval lies clear of the threshold", Certainty),
    ),
    Column("control_inbox_rate", Float, comment="The control mailbox's, on the same seed mailboxes."),
    Column("team_median_inbox_rate", Float, comment="The median of all reps'."),
    Column("scored_at", Moment, nullable=False),
    comment=(
        "A test at one provider group: how many, which rates, how sure, flagged or not. "
        "Grain is test and provider group."
    ),
)

placement_verdicts = Table(
    "placement_verdicts",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("provider_group", Text, primary_key=True, comment=_listed("The group of its seed mailboxes", ProviderGroup)),
    Column("resolved_count", Integer, nullable=False, comment="Probes the word rests on."),
    Column("inbox_count", Integer, nullable=False, comment="Those among them in the inbox."),
    Column("word", Text, nullable=False, comment=_listed("What they bear out", PlacementWord)),
    Column(
        "peer_p_value",
        Float,
        comment="The chance that a mailbox like the others misses so much; null where nothing is resolved.",
    ),
    Column("is_control_low", Boolean, nullable=False, comment="Whether the control mailbox misses the inbox here too."),
    Column(
        "further_count", Integer, nullable=False, comment="How many more probes would decide; 0 where it is decided."
    ),
    Column(
        "is_first",
        Boolean,
        nullable=False,
        comment="Whether it is the first of its mailbox, route and month that measured something.",
    ),
    Column(
        "is_current",
        Boolean,
        nullable=False,
        comment="Whether the month goes by it: the latest of its mailbox and route that measured something here.",
    ),
    Column("retest_verdict", Text, comment=_listed("What it says of the remedy", RetestVerdict)),
    Column("gained_count", Integer, comment="Seed mailboxes it reached that the re-tested one had missed."),
    Column("lost_count", Integer, comment="The reverse."),
    Column(
        "trend_word",
        Text,
        comment=_listed("Of a first test, how it differs from the first of the month before", TrendWord),
    ),
    Column("judged_at", Moment, nullable=False),
    comment=(
        "What a test bears out at one provider group: the word people act on, and what a re-test says of the remedy. "
        "Grain is test and provider group."
    ),
)

seed_suspicions = Table(
    "seed_suspicions",
    metadata,
    Column("test_month", Date, primary_key=True, comment="First day of the month, in the business time zone."),
    Column("seed_id", Text, ForeignKey(f"{SCHEMA}.seed_mailboxes.seed_id"), primary_key=True),
    Column("mailbox_count", Integer, nullable=False, comment="Mailboxes with a probe at it."),
    Column("missed_count", Integer, nullable=False, comment="Those among them whose probe missed its inbox."),
    Column(
        "p_value",
        Float,
        comment="The chance of that, by what they do at the group's other ones; null where they are too few.",
    ),
    Column("is_suspect", Boolean, nullable=False, comment="Whether its probes are void."),
    Column("judged_at", Moment, nullable=False),
    comment="Whether a seed mailbox fails everybody. Grain is month and seed mailbox.",
)

diagnoses = Table(
    "diagnoses",
    metadata,
    Column(
        "test_id",
        Text,
        ForeignKey(f"{SCHEMA}.placement_tests.test_id"),
        primary_key=True,
    ),
    Column("rank", Integer, primary_key=True, comment="1 is the likeliest."),
    Column("cause_code", Text, nullable=False, comment="Which cause it is."),
    Column("summary", Text, nullable=False, comment="One sentence for the sheet."),
    Column("evidence", JSONB, nullable=False, comment="The findings it rests on."),
    Column("remedy", Text, nullable=False, comment="One sentence of what to do."),
    Column("diagnosed_at", Moment, nullable=False),
    comment=(
        "A likely cause of a flagged test's result, or of one with something to say; the likeliest first. "
        "Grain is test and rank."
    ),
)

publications = Table(
    "publications",
    metadata,
    Column("publication_id", BigInteger, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False, comment="monthly_sheet or alert."),
    Column("content_key", Text, nullable=False, comment="Which content: the month, or test and flag."),
    Column("target", Text, nullable=False, comment="The file, or a digest of the place's URL."),
    Column("row_count", Integer, nullable=False),
    Column("outcome_code", Text, nullable=False, comment="written, sent or failed."),
    Column("published_at", Moment, nullable=False),
    UniqueConstraint("kind", "content_key", "target"),
    comment="What was written where, once. Grain is kind, content and target.",
)
