"""A mailbox's past, and how Pipedrive is joined to it."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, WARN, FindingReason

REASONS: dict[str, FindingReason] = {
    "mailbox_cold": FindingReason(
        "history",
        FAIL,
        "The mailbox is new, or has sent nothing in the last 30 days; filters know nothing good of it.",
        "Send a few ordinary mails a day from this mailbox for four weeks before using it for outreach: {seen}.",
    ),
    "mailbox_warming": FindingReason(
        "history",
        WARN,
        "The mailbox sends, but not for six weeks yet, or hardly, or again only now.",
        "Keep the volume of this mailbox low and steady for some weeks more: {seen}.",
    ),
    "mailbox_warm": FindingReason("history", PASS, "The mailbox has sent steadily for weeks."),
    "history_unknown": FindingReason(
        "history",
        UNKNOWN,
        "The Sent folder could not be read, so nothing is known of the mailbox's past.",
        "Reconnect this mailbox with a scope that may read its Sent folder.",
    ),
    "sync_two_way": FindingReason("sync", PASS, "Pipedrive is joined to the mailbox both ways."),
    "sync_smart_bcc": FindingReason(
        "sync",
        WARN,
        "The sync fell back to Smart BCC: Pipedrive sees copies only, and replies are lost to it.",
        "Reconnect this mailbox in Pipedrive: Personal preferences, Email sync.",
    ),
    "sync_off": FindingReason(
        "sync",
        WARN,
        "Pipedrive is not joined to the mailbox.",
        "Connect this mailbox in Pipedrive: Personal preferences, Email sync.",
    ),
}
