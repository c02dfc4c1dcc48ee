"""Why a probe was not sent: the closed list of codes, each with what it means and what an admin does about it.

The one place that words them: connectors choose a code, the outbox stores it, the diagnosis
tells it. What a provider's own code comes to stands in that provider's ``errors`` and ``refusals``.
"""

from collections.abc import Mapping
from enum import StrEnum


class RefusalCode(StrEnum):
    """A code of a refused send or a stopped test."""

    # What a provider answers.
    TOKEN_REVOKED = "token_revoked"
    CONSENT_MISSING = "consent_missing"
    SIGN_IN_REFUSED = "sign_in_refused"
    MAILBOX_UNKNOWN = "mailbox_unknown"
    FROM_NOT_ALLOWED = "from_not_allowed"
    MESSAGE_REJECTED = "message_rejected"
    THROTTLED = "throttled"
    DAILY_LIMIT = "daily_limit"
    PROVIDER_DOWN = "provider_down"

    # What we stop ourselves.
    MISSING_FIELD = "missing_field"
    SEED_REMOVED = "seed_removed"
    MONTH_OVER = "month_over"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    ALL_REFUSED = "all_refused"
    NOT_IN_TIME = "not_in_time"
    NEVER_SENT = "never_sent"

    @property
    def meaning(self) -> str:
        """One sentence for the sheet."""
        return _TOLD[self][0]

    @property
    def remedy(self) -> str:
        """One sentence that an admin can act on."""
        return _TOLD[self][1]


_TOLD: Mapping[RefusalCode, tuple[str, str]] = {
    RefusalCode.TOKEN_REVOKED: (
        "The mailbox's grant was revoked (password reset or access taken away): it could not send.",
        "Reconnect the mailbox: the rep signs in again and grants access, then re-test.",
    ),
    RefusalCode.CONSENT_MISSING: (
        "The application has no permission to send for this mailbox: it could not send.",
        "Have the tenant's admin grant the permissions that the documents list for the provider, then re-test.",
    ),
    RefusalCode.SIGN_IN_REFUSED: (
        "The provider refused to sign the mailbox in: it could not send.",
        "Check the application's secret and the account's state with `placement doctor`, then re-test.",
    ),
    RefusalCode.MAILBOX_UNKNOWN: (
        "The provider knows no such mailbox, or the account has none: it could not send.",
        "Correct the address in the table of mailboxes, or give the account a licence, then re-test.",
    ),
    RefusalCode.FROM_NOT_ALLOWED: (
        "The mailbox may not send as this From address.",
        "Make the address an alias of the mailbox, or grant Send As, then re-test.",
    ),
    RefusalCode.MESSAGE_REJECTED: (
        "The provider refuses the message itself: its size, a header or the recipient.",
        "Read the provider's words in the evidence, correct the template, the signature or the seed's address, "
        "then re-test.",
    ),
    RefusalCode.THROTTLED: (
        "The provider asks to slow down.",
        "Lower the pace (pacing.interval, quotas) if this happens again, then re-test.",
    ),
    RefusalCode.DAILY_LIMIT: (
        "The mailbox has reached its sending limit, or the provider has blocked its sending.",
        "Send less from it, or have an administrator lift the block; re-test on the next day at the earliest.",
    ),
    RefusalCode.PROVIDER_DOWN: (
        "The provider had trouble before it took the message.",
        "Re-test once the provider's status page says that it is well.",
    ),
    RefusalCode.MISSING_FIELD: (
        "A merge field has no value for this rep, so nothing was sent.",
        "Fill the field in the table of mailboxes, or take it out of the template or the signature, then re-test.",
    ),
    RefusalCode.SEED_REMOVED: (
        "A seed of this test is no longer configured, so nothing more was sent.",
        "Re-test with the seeds as they are now.",
    ),
    RefusalCode.MONTH_OVER: (
        "The month ended before everything was sent; nothing more is sent for it.",
        "Nothing is to be done for that month; see that the sensors are on, so that the next one is sent in time.",
    ),
    RefusalCode.ATTEMPTS_EXHAUSTED: (
        "Several attempts to send had no answer and did not go out, and no further one is made.",
        "Check the connection to the provider with `placement doctor`, then re-test.",
    ),
    RefusalCode.ALL_REFUSED: (
        "Every message of this test was refused.",
        "Read the provider's words in the evidence, correct what they name, then re-test.",
    ),
    RefusalCode.NOT_IN_TIME: (
        "It could not be sent in the time there was.",
        "Read in the evidence what held it up, run `placement doctor` for this mailbox, then re-test.",
    ),
    RefusalCode.NEVER_SENT: (
        "Nobody sent it while the test was open.",
        "Start the sequence for the seed contacts from the rep's account while the test is open, then re-test.",
    ),
}


class AttemptNote(StrEnum):
    """What is kept of an attempt to send that was neither accepted nor refused."""

    OUTCOME_UNKNOWN = "outcome_unknown"  # the call had no answer
    WORKER_DIED = "worker_died"  # the process ended before the answer was stored
    ABSENT_ONCE = "absent_once"  # no copy in Sent, once: it may show there late
    PROVEN_UNSENT = "proven_unsent"  # no copy was sent; the job may be sent again
