"""Why a probe that was sent shows up in no folder of its seed.

Each code says what the probe's placement then is, and so whose fault it is: what the seed's
side broke is void, and counts against nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from placement_pipeline.domain.words import Placement


@dataclass(frozen=True, slots=True)
class MissingReason:
    """What a code says, once for all explanations that give it.

    Attributes:
        placement: of the probe, by this reason.
        meaning: one sentence for people.
        remedy: one sentence an admin can act on; empty where nothing is to be done.
        is_final: False for what may look otherwise some hours later, and is asked again.
    """

    placement: Placement
    meaning: str
    remedy: str = ""
    is_final: bool = True


REASONS: Mapping[str, MissingReason] = {
    "unsent": MissingReason(
        Placement.NOT_SENT,
        "The provider took the message, and no copy of it lies in the mailbox's Sent folder.",
        "Look for a rule, an app or a gateway that holds or deletes what this mailbox sends, then re-test.",
    ),
    "bounced_authentication": MissingReason(
        Placement.BOUNCED,
        "The receiver refuses the mail because nothing authenticates its sender.",
        "Correct what the SPF, DKIM and DMARC findings of this test name, then re-test.",
    ),
    "bounced_policy": MissingReason(
        Placement.BOUNCED,
        "The receiver refuses the mail by its policy: the sender's reputation, a blocklist, the content.",
        "Read the receiver's words in the evidence, correct what they and this test's findings name, then re-test.",
    ),
    "bounced_message": MissingReason(
        Placement.BOUNCED,
        "The receiver refuses the message itself: its size, its form or an attachment.",
        "Make the template smaller or plainer, as the receiver's words in the evidence say, then re-test.",
    ),
    "bounced_sender": MissingReason(
        Placement.BOUNCED,
        "The sending address itself is refused: it does not exist for the receiver, or may not send any more.",
        "Check that the mailbox exists and can answer mail, and that its provider has not blocked it from sending "
        "(Microsoft: Defender portal, Restricted entities), then re-test.",
    ),
    "bounced_other": MissingReason(
        Placement.BOUNCED,
        "The message came back, and the notice does not say whose fault it is.",
        "Read the receiver's words in the evidence, then re-test.",
    ),
    "seed_unknown": MissingReason(
        Placement.SEED_BROKEN,
        "The receiver knows no such mailbox: the seed is gone, or its address is misspelt.",
        "Correct the seed's address in placement.toml, or take the seed out.",
    ),
    "seed_full": MissingReason(
        Placement.SEED_BROKEN,
        "The seed's mailbox is full.",
        "Empty the seed's mailbox.",
    ),
    "seed_closed": MissingReason(
        Placement.SEED_BROKEN,
        "The seed's mailbox takes no mail: it is disabled, or does not take it from outside or from this sender.",
        "Open the seed's mailbox for mail from anybody, or take the seed out.",
    ),
    "seed_unreachable": MissingReason(
        Placement.SEED_BROKEN,
        "The seed's mail system could not be reached, or had trouble of its own.",
        "Check the MX of the seed's domain with `placement audit`, then re-test.",
    ),
    "notice_delayed": MissingReason(
        Placement.DELAYED,
        "The sender's provider says that the message is still on its way.",
        is_final=False,
    ),
    "log_quarantined": MissingReason(
        Placement.QUARANTINED,
        "The seed's own tenant holds the message in quarantine.",
        "Look at the message in the tenant's quarantine: its policy and verdict say what to correct. Then re-test.",
    ),
    "log_filtered": MissingReason(
        Placement.QUARANTINED,
        "The filter of the seed's own tenant took the message out as spam, before any folder.",
        "Correct what this test's findings name, and re-test with the plain_control variant to see whether text and "
        "links do it.",
    ),
    "log_failed": MissingReason(
        Placement.BOUNCED,
        "The seed's own tenant could not, or would not, deliver the message; its log does not say why.",
        "Open the message's details in the tenant's message trace or log search; if the seed is at fault, mend it. "
        "Then re-test.",
    ),
    "log_pending": MissingReason(
        Placement.DELAYED,
        "The seed's own tenant is still trying to deliver the message.",
        is_final=False,
    ),
    "log_delivered": MissingReason(
        Placement.MOVED_BY_RULE,
        "The seed's own tenant has delivered the message, and it lies in no folder any more.",
        "Look for a rule, an app or a person that deletes mail in the seed's mailbox.",
    ),
    "log_silent": MissingReason(
        Placement.MISSING,
        "The message left the mailbox, and the seed's own tenant has never seen it.",
        "Have the sender's provider trace the message; its recipient and time are known.",
        is_final=False,
    ),
    "unexplained": MissingReason(
        Placement.MISSING,
        "The message left the mailbox, came back to nobody and arrived in no folder.",
        "Where the seed's tenant is your own, set delivery_log for it: its log then tells.",
        is_final=False,
    ),
    "unknown": MissingReason(
        Placement.MISSING,
        "What became of the message could not be asked everywhere.",
        "Reconnect what the evidence names as unknown; it is asked again for two days.",
        is_final=False,
    ),
}
"""Every code there is; an explanation with any other cannot be made."""

EXPLAINED = frozenset(reason.placement for reason in REASONS.values())
"""Placements that an explanation can give."""
