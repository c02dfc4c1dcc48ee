"""The closed sets of words the whole pipeline speaks in.

Each value is what the tables store and what the sheet shows. Rules that act on these
words live in the modules of their own subject; only the words and the facts that are
true by definition (which family counts to which group) are here.
"""

from enum import StrEnum


class MailProvider(StrEnum):
    """Who hosts a rep's mailbox, and so which API sends from it."""

    GOOGLE = "google"
    MICROSOFT365 = "microsoft365"


class ProviderFamily(StrEnum):
    """What kind of place a seed mailbox lives at."""

    GMAIL = "gmail"
    GOOGLE_WORKSPACE = "google_workspace"
    MICROSOFT365 = "microsoft365"
    OUTLOOK_COM = "outlook_com"
    REGIONAL = "regional"


class ProviderGroup(StrEnum):
    """The columns of the sheet: families whose filters are one and the same system."""

    GMAIL = "gmail"
    MICROSOFT365 = "microsoft365"
    REGIONAL = "regional"

    @classmethod
    def of(cls, family: ProviderFamily) -> "ProviderGroup":
        """The group a seed's family counts to."""
        match family:
            case ProviderFamily.GMAIL | ProviderFamily.GOOGLE_WORKSPACE:
                return cls.GMAIL
            case ProviderFamily.MICROSOFT365 | ProviderFamily.OUTLOOK_COM:
                return cls.MICROSOFT365
            case ProviderFamily.REGIONAL:
                return cls.REGIONAL

    @property
    def shown(self) -> str:
        """Its name, for people."""
        return {"gmail": "Gmail", "microsoft365": "Microsoft 365", "regional": "the regional providers"}[self]


class SyncMode(StrEnum):
    """How Pipedrive is joined to the mailbox; known only from the admin's table."""

    TWO_WAY = "two_way"
    SMART_BCC = "smart_bcc"
    OFF = "off"


class Role(StrEnum):
    """Whose mailbox it is: a rep's, or one known to be good that tells a bad rep from a bad seed."""

    REP = "rep"
    CONTROL = "control"


class TestReason(StrEnum):
    """Why a placement test was opened."""

    __test__ = False  # not a test case, whatever its name says

    MONTHLY = "monthly"
    REPLY_RATE_DROP = "reply_rate_drop"
    NEW_REP = "new_rep"
    ALIAS_CHANGE = "alias_change"
    NEW_TEMPLATE = "new_template"
    RETEST = "retest"
    MANUAL = "manual"


class Variant(StrEnum):
    """What of the real mail a probe carries."""

    AS_SENT = "as_sent"
    PLAIN_CONTROL = "plain_control"
    NO_TRACKING = "no_tracking"
    NO_SIGNATURE = "no_signature"


class Route(StrEnum):
    """Who sends: we through the mailbox's own API, or Pipedrive."""

    MAILBOX = "mailbox"
    CRM = "crm"


class Scope(StrEnum):
    """Which mailboxes a run plans tests for."""

    OWED = "owed"
    FLAGGED = "flagged"
    LISTED = "listed"
    ALL = "all"


class TestState(StrEnum):
    """A test's life: open while probes may still be sent or found, then final; stopped if it never could send."""

    __test__ = False  # not a test case, whatever its name says

    OPEN = "open"
    FINAL = "final"
    STOPPED = "stopped"


class SendState(StrEnum):
    """A send job's life in the outbox. ``SENDING`` and ``UNKNOWN`` are never sent again before they are resolved."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class AttemptOutcome(StrEnum):
    """How one attempt to send a probe ended. ``UNSENT``: with proof that nothing went out, so another may follow."""

    SENDING = "sending"
    SENT = "sent"
    UNSENT = "unsent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Placement(StrEnum):
    """What became of one probe at one seed."""

    PRIMARY = "primary"
    PROMOTIONS = "promotions"
    SOCIAL = "social"
    UPDATES = "updates"
    FORUMS = "forums"
    FOCUSED = "focused"
    OTHER = "other"
    INBOX = "inbox"  # an IMAP inbox: it has neither tabs nor a focused view
    UNFAMILIAR = "unfamiliar"  # a provider's folder for what is neither wanted nor spam: web.de's "Unbekannt"
    SPAM = "spam"
    QUARANTINED = "quarantined"
    PENDING = "pending"
    MISSING = "missing"
    NOT_SENT = "not_sent"
    BOUNCED = "bounced"
    DELAYED = "delayed"
    FILTER_BYPASSED = "filter_bypassed"
    MOVED_BY_RULE = "moved_by_rule"
    SEED_BROKEN = "seed_broken"
    SEED_SUSPECT = "seed_suspect"  # at a seed that fails everybody: whatever became of it says nothing


class CheckStatus(StrEnum):
    """What an audited fact says. ``UNKNOWN`` is never turned into ``FAIL``."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
