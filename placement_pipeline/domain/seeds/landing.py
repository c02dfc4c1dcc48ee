"""Landing rules: from where a message lies to what that means.

The raw location is stored; these rules can change and be run again over stored sweeps.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from placement_pipeline.domain.words import Placement, ProviderFamily

# Gmail's category labels (https://developers.google.com/workspace/gmail/api/guides/labels).
_GMAIL_TABS = {
    "CATEGORY_PROMOTIONS": Placement.PROMOTIONS,
    "CATEGORY_SOCIAL": Placement.SOCIAL,
    "CATEGORY_UPDATES": Placement.UPDATES,
    "CATEGORY_FORUMS": Placement.FORUMS,
}

# What providers made and fill themselves; nobody's rule moved a message there.
_IMAP_FOLDERS = {
    "inbox": Placement.INBOX,
    "junk": Placement.SPAM,
    "promotions": Placement.PROMOTIONS,
    "social": Placement.SOCIAL,
    "updates": Placement.UPDATES,
    "forums": Placement.FORUMS,
    "unfamiliar": Placement.UNFAMILIAR,
}

RESOLVED = frozenset(
    {
        Placement.PRIMARY,
        Placement.PROMOTIONS,
        Placement.SOCIAL,
        Placement.UPDATES,
        Placement.FORUMS,
        Placement.FOCUSED,
        Placement.OTHER,
        Placement.INBOX,
        Placement.UNFAMILIAR,
        Placement.SPAM,
        Placement.QUARANTINED,
        Placement.BOUNCED,
        Placement.MISSING,
    }
)
"""Placements a rate is counted over: the message was sent and we know what became of it."""

VOID = frozenset({Placement.FILTER_BYPASSED, Placement.MOVED_BY_RULE, Placement.SEED_BROKEN, Placement.SEED_SUSPECT})
"""Placements that say nothing about the mailbox under test."""

ARRIVED = RESOLVED - {Placement.SPAM, Placement.QUARANTINED, Placement.BOUNCED, Placement.MISSING}
"""Placements in which a prospect can come across the message without looking for it."""

FOUND = ARRIVED | {Placement.SPAM, Placement.DELAYED, Placement.FILTER_BYPASSED, Placement.MOVED_BY_RULE}
"""Placements of a message that lies in a seed; that it bounced or is in quarantine, no seed shows."""

SWEPT = FOUND | {Placement.PENDING, Placement.MISSING, Placement.NOT_SENT, Placement.SEED_BROKEN}
"""Placements that a sweep can give a probe."""


def land_gmail(labels: Sequence[str]) -> Placement:
    """Placement from a Gmail label set.

    Mail outside the inbox that is not spam was moved there by a filter or by hand: Gmail
    itself never delivers to "All mail" only, so it says nothing about the sender.
    """
    held = set(labels)
    if "SPAM" in held:
        return Placement.SPAM
    if "INBOX" not in held:
        return Placement.MOVED_BY_RULE
    for label, placement in _GMAIL_TABS.items():
        if label in held:
            return placement
    return Placement.PRIMARY


def land_microsoft(folder: str | None, inference: str | None) -> Placement:
    """Placement from a well-known folder name and ``inferenceClassification``."""
    if folder == "junkemail":
        return Placement.SPAM
    if folder != "inbox":
        return Placement.MOVED_BY_RULE
    return Placement.OTHER if inference == "other" else Placement.FOCUSED


def land_imap(folder: str | None) -> Placement:
    """Placement from the folder an IMAP connector has recognised; any other, under its own name, is a user's."""
    return _IMAP_FOLDERS.get(folder or "", Placement.MOVED_BY_RULE)


def land(
    family: ProviderFamily,
    labels: Sequence[str],
    folder: str | None,
    inference: str | None,
    is_filter_bypassed: bool = False,
    is_moved_by_rule: bool = False,
) -> Placement:
    """Placement of a message that was found.

    Args:
        family: the seed's family, which decides how its location is read.
        labels: Gmail's label ids.
        folder: the folder elsewhere.
        inference: Graph's ``inferenceClassification``.
        is_filter_bypassed: the receiver's own headers say that filtering was skipped
            (safe sender, allow list): the probe is void, not in the inbox.
        is_moved_by_rule: they say that a rule of the mailbox's user decided: void too, in
            Junk as in the inbox.
    """
    if is_filter_bypassed:
        return Placement.FILTER_BYPASSED
    if is_moved_by_rule:
        return Placement.MOVED_BY_RULE
    match family:
        case ProviderFamily.GMAIL | ProviderFamily.GOOGLE_WORKSPACE:
            return land_gmail(labels)
        case ProviderFamily.MICROSOFT365 | ProviderFamily.OUTLOOK_COM:
            return land_microsoft(folder, inference)
        case ProviderFamily.REGIONAL:
            return land_imap(folder)


def place_unseen(*, is_seed_read: bool, is_last: bool) -> Placement:
    """Placement of a sent probe that a sweep has not found.

    Until the last sweep it is pending. After it, a seed that could not be read has told
    us nothing; only a seed that was read can miss a message.
    """
    if not is_last:
        return Placement.PENDING
    return Placement.MISSING if is_seed_read else Placement.SEED_BROKEN


def land_late(landed: Placement, received_at: datetime | None, deadline: datetime) -> Placement:
    """Placement of a message that no sweep had found by its test's deadline.

    A message that the receiver took in before the deadline is where it lies: the sweep was
    late, not the mail. One that came later is delayed, whatever folder it then got.

    Args:
        landed: where it lies.
        received_at: aware; by the receiver. Without it nothing shows that it was in time.
        deadline: the test's last send and the last of its ages.
    """
    is_in_time = received_at is not None and received_at <= deadline
    return landed if is_in_time or landed in VOID else Placement.DELAYED


def void_broken_seeds(
    placements: Mapping[str, Placement], control: Mapping[str, Placement], reached: Collection[str]
) -> dict[str, Placement]:
    """Take back what was missing at seeds that lost or refused the control mailbox's probe too.

    A refusal says of the seed what a loss does, as long as the control mailbox is well: one
    whose probes arrive nowhere may be what is refused.

    Args:
        placements: one test's placements by seed id.
        control: the control mailbox's placements by seed id, ``missing`` also where the seed itself is why; empty
            where there is none.
        reached: seeds at which anybody's probe was found: where one arrived, the seed is not
            what is broken, and the control mailbox itself may be.

    Returns:
        The placements, with ``missing`` turned into ``seed_broken`` at those seeds.
    """
    is_well = not ARRIVED.isdisjoint(control.values())
    counts = {Placement.MISSING, Placement.BOUNCED} if is_well else {Placement.MISSING}
    broken = {seed_id for seed_id, placement in control.items() if placement in counts} - set(reached)
    return {
        seed_id: Placement.SEED_BROKEN if placement is Placement.MISSING and seed_id in broken else placement
        for seed_id, placement in placements.items()
    }
