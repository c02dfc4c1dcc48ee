"""What one row of each table is, and what its columns hold where their names do not say it, as comments."""

from alembic import op

SCHEMA = "placement"

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = {
    "roster_users": (
        "A Pipedrive user as the roster saw it in this month, and why it is tested or not. Grain is user and month."
    ),
    "rep_roster": "A rep's sending address as the roster saw it in this month. Grain is mailbox and month.",
    "mailbox_activity": (
        "What a mailbox had sent when it was read in this month, our probes left out; where it could not be "
        "read, moments and counts are null. Grain is mailbox and month."
    ),
    "won_deals": "A won deal, archived ones too. Grain is deal.",
    "seed_mailboxes": "A seed mailbox as configured when it was last used. Grain is seed mailbox.",
    "template_versions": (
        "The content of a template, so that a probe can always be rendered as it was planned. Grain is "
        "template and version."
    ),
    "placement_tests": "A placement test that was planned, with its reason. Grain is test.",
    "send_jobs": "A probe to a seed mailbox and what became of it: the outbox. Grain is test and seed mailbox.",
    "send_attempts": (
        "An attempt to send a probe; the last one is told by send_jobs too, here all of them stay. Grain is "
        "test, seed mailbox and attempt."
    ),
    "sweeps": "One pass over one seed mailbox. Grain is sweep.",
    "seed_cursors": "Up to where a seed mailbox was read. Grain is seed mailbox.",
    "seed_messages": (
        "One of our probes in a seed mailbox: where it lies now, and the message as it was received. Grain "
        "is seed mailbox and message."
    ),
    "seed_placements": ("A probe seen, or not, in a seed mailbox at one sweep. Grain is test, seed mailbox and sweep."),
    "probe_explanations": (
        "Why a probe that was sent shows up in no folder, or showed up too late. Grain is test and seed mailbox."
    ),
    "provider_calls": (
        "What one operation of one provider has cost a run. Grain is run, stage, provider and operation."
    ),
    "rotated_tokens": "The newest refresh token of a grant that rotates, encrypted. Grain is grant.",
    "auth_audits": (
        "A finding on a domain, a From address, a tracking host, a mailbox or a received message. Grain is "
        "test, subject, check and reason code."
    ),
    "scored_placements": (
        "A test at one provider group: how many, which rates, how sure, flagged or not. Grain is test and "
        "provider group."
    ),
    "diagnoses": (
        "A likely cause of a flagged test's result, or of one with something to say; the likeliest first. "
        "Grain is test and rank."
    ),
    "publications": "What was written where, once. Grain is kind, content and target.",
}
COLUMNS = {
    "roster_users": {
        "roster_month": "First day of the month, in the business time zone.",
        "mailbox_count": "Sending addresses in the admin's table.",
        "tested_mailbox_count": "Those of them that are tested.",
        "why": "Why it is in or out, as a sentence.",
    },
    "rep_roster": {
        "roster_month": "First day of the month, in the business time zone.",
        "mailbox_id": "Made from the address; the same in every month.",
        "role": "Whose mailbox it is: rep, control.",
        "rep_id": "pd- and Pipedrive's number, or unknown- where the login is no user there.",
        "address": "What stands in From.",
        "account_address": "What signs in; another one where the sending address is its alias.",
        "domain": "Of the sending address, in lower case.",
        "provider": "Who hosts the mailbox: google, microsoft365.",
        "sync_mode": "How Pipedrive is joined to it: two_way, smart_bcc, off.",
        "route": "Who usually sends for it: mailbox, crm.",
        "is_in": "Whether it is tested.",
        "why": "Why it is in or out, as a sentence.",
        "merge_fields": "The table's further columns, by name.",
    },
    "mailbox_activity": {
        "roster_month": "First day of the month, in the business time zone.",
        "is_read": "Whether its Sent folder could be read.",
        "first_sent_at": "When its oldest message was sent.",
        "last_sent_at": "When its newest message was sent.",
        "sent_30_days_count": "Messages sent in the 30 days before it was read.",
        "sent_90_days_count": "Messages sent in the 90 days before it was read.",
    },
    "won_deals": {
        "rep_id_pipedrive": "Its present owner.",
        "value": "In the deal's own currency.",
        "currency": "ISO 4217, or one of the company's own.",
    },
    "seed_mailboxes": {
        "provider_family": (
            "What kind of place it lives at: gmail, google_workspace, microsoft365, outlook_com, regional."
        ),
        "provider_group": "The group it counts to: gmail, microsoft365, regional.",
        "is_active": "Whether it is still configured.",
    },
    "template_versions": {
        "template_version": "Made from the content.",
    },
    "placement_tests": {
        "plan_key": "What it was owed for; the same debt is paid once.",
        "test_month": "First day of the month, in the business time zone.",
        "reason": ("Why it was opened: monthly, reply_rate_drop, new_rep, alias_change, new_template, retest, manual."),
        "variant": "What of the real mail its probes carry: as_sent, plain_control, no_tracking, no_signature.",
        "route": "Who sends it: mailbox, crm.",
        "state": "Where it stands: open, final, stopped.",
        "stop_code": "Why it was stopped; a closed set.",
        "stop_detail": "The same as a sentence.",
        "run_id": "Of the Dagster run that opened it.",
    },
    "send_jobs": {
        "token": "What the probe is recognised by; made from test and seed mailbox.",
        "state": "What became of it: planned, sending, sent, refused, unknown.",
        "not_before_at": "Before when it is not sent.",
        "claimed_by": "The number of the worker that is sending it.",
        "handed_over_at": "When the provider was called for it.",
        "sent_at": "When the provider took it.",
        "draft_id_provider": "The provider's id of the draft, where it has drafts.",
        "internet_message_id": "Its Message-ID, as the provider told it.",
        "resolved_by": "Who knew what became of it: provider, sent_folder, seed, stopped, deadline.",
        "outcome_code": "Why it was refused, or why nothing is known; a closed set.",
        "outcome_detail": "The same as a sentence.",
    },
    "send_attempts": {
        "attempt_number": "Counts from 1.",
        "worker": "Its number.",
        "handed_over_at": "When the provider was called.",
        "outcome": "How it ended: sending, sent, unsent, refused, unknown.",
        "outcome_code": "Why it was refused, or why nothing is known; a closed set.",
        "outcome_detail": "The same as a sentence.",
        "resolved_by": "Who knew how it ended: provider, sent_folder, seed.",
        "draft_id_provider": "The provider's id of the draft, where it has drafts.",
        "internet_message_id": "Its Message-ID, as the provider told it.",
    },
    "sweeps": {
        "is_read": "Whether it could be read to the end.",
        "error_code": "Why not: unreachable, throttled, refused, malformed, failed.",
        "error_detail": "The same as a sentence.",
        "message_count": "Messages that were looked at.",
        "probe_count": "Our probes among them.",
        "call_count": "Calls of the provider's API.",
        "calls": "The same by operation.",
        "run_id": "Of the Dagster run.",
    },
    "seed_cursors": {
        "cursor": "What the provider goes on from, and whose mailbox it was.",
    },
    "seed_messages": {
        "received_at": "By the receiver's own clock.",
        "found_by": "What it was recognised by: token, reference, sender_and_seed.",
        "sent_via": "How it was sent, by what its header shows: two_way_sync, smart_bcc, native, own_api, unknown.",
        "is_filter_bypassed": "Whether its header says that no filter judged it.",
        "is_moved_by_rule": "Whether its header says that a rule of the mailbox's user decided.",
        "location": "Labels, folder and view, as the provider names them.",
        "raw": "The whole message, as evidence for the audits.",
    },
    "seed_placements": {
        "placement": (
            "What the sweep says of it: delayed, filter_bypassed, focused, forums, inbox, missing, "
            "moved_by_rule, not_sent, other, pending, primary, promotions, seed_broken, social, spam, "
            "updates."
        ),
        "location": "Labels, folder and view, as the provider names them.",
        "message_id_provider": "Null where the sweep did not find it.",
    },
    "probe_explanations": {
        "placement": (
            "What it is by this explanation: bounced, delayed, missing, moved_by_rule, not_sent, "
            "quarantined, seed_broken."
        ),
        "reason_code": "Why; a closed set, and each code gives one placement.",
        "evidence": "What the rep's mailbox and the seed's log told.",
    },
    "provider_calls": {
        "run_id": "Of the Dagster run; empty for a command.",
        "stage": "The asset or command.",
        "operation": "The provider's name of it.",
        "call_month": "First day of the month the calls were made in, in the business time zone.",
        "call_count": "Attempts.",
        "unit_count": "Units of the provider's own quota; 0 where it has none.",
        "wait_seconds": "Spent waiting for answers, added up over calls that ran side by side.",
    },
    "rotated_tokens": {
        "grant_key": "Our name of the grant.",
        "origin": "Keyed digest of the configured token it came from.",
        "ciphertext": "Fernet; the key is in the secrets.",
    },
    "auth_audits": {
        "subject_kind": "What it is about: domain, from_address, tracking_host, message, mailbox.",
        "subject": "A domain or host in lower case, or our id of a mailbox or message.",
        "reason_code": "What was found; a closed set, and each code has one check, status and remedy.",
        "status": "What it says: pass, warn, fail, unknown.",
        "evidence": "What was seen.",
        "remedy": "One sentence an admin can act on; empty where nothing is to be done.",
    },
    "scored_placements": {
        "provider_group": "The group of its seed mailboxes: gmail, microsoft365, regional.",
        "job_count": "All probes of the test at this group.",
        "resolved_count": "Probes the rates are counted over.",
        "inbox_count": "In the inbox, as the setting defines it.",
        "primary_count": "In the first view of the inbox.",
        "reach_count": "Where a prospect can come across it without looking for it.",
        "spam_count": "In Junk or in quarantine.",
        "missing_count": "Nowhere, or bounced.",
        "pending_count": "Still looked for, or delayed.",
        "not_sent_count": "Did not go out.",
        "void_count": "At seed mailboxes that say nothing about the sender.",
        "moved_count": "Whose first and last place differ.",
        "duplicate_count": "Of which more than one copy arrived.",
        "inbox_rate": "Of the resolved, 0 to 1.",
        "primary_rate": "Of the resolved, 0 to 1.",
        "reach_rate": "Of the resolved, 0 to 1.",
        "inbox_rate_low": "Lower end of the 95 % interval (Wilson).",
        "inbox_rate_high": "Upper end of the 95 % interval (Wilson).",
        "flag_code": "Why it is flagged: below_threshold, not_sent.",
        "certainty_code": (
            "Whether the interval lies clear of the threshold: clearly_below, clearly_above, cannot_tell, no_data."
        ),
        "control_inbox_rate": "The control mailbox's, on the same seed mailboxes.",
        "team_median_inbox_rate": "The median of all reps'.",
    },
    "diagnoses": {
        "rank": "1 is the likeliest.",
        "cause_code": "Which cause it is.",
        "summary": "One sentence for the sheet.",
        "evidence": "The findings it rests on.",
        "remedy": "One sentence of what to do.",
    },
    "publications": {
        "kind": "monthly_sheet or alert.",
        "content_key": "Which content: the month, or test and flag.",
        "target": "The file, or the setting that names the places.",
        "outcome_code": "written or sent.",
    },
}


def upgrade() -> None:
    for table, comment in TABLES.items():
        op.create_table_comment(table, comment, schema=SCHEMA)
    for table, columns in COLUMNS.items():
        for column, comment in columns.items():
            op.alter_column(table, column, comment=comment, schema=SCHEMA)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table_comment(table, schema=SCHEMA)
    for table, columns in COLUMNS.items():
        for column in columns:
            op.alter_column(table, column, comment=None, schema=SCHEMA)
