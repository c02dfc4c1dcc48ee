"""What the receiver wrote down about a message."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, WARN, FindingReason

REASONS: dict[str, FindingReason] = {
    "receiver_verdict": FindingReason("receiver", PASS, "The receiver wrote down its verdict and raised nothing."),
    "receiver_auth_failed": FindingReason(
        "receiver",
        FAIL,
        "The receiver itself says that the message is not authenticated.",
        "Correct what the SPF, DKIM and DMARC findings of this test name, then re-test; the receiver says {detail}.",
    ),
    "receiver_spam": FindingReason(
        "receiver",
        FAIL,
        "The receiver's filter marked the message as spam.",
        "Re-test with the plain_control and no_signature variants to see whether text, links or signature do it; "
        "if those are marked too, let the mailbox send less and only to people who answer ({detail}).",
    ),
    "receiver_phish": FindingReason(
        "receiver",
        FAIL,
        "The receiver's filter took the message for phishing or for an impersonation.",
        "Take look-alike links, borrowed brand names and display names of other people out of template and signature, "
        "correct the SPF, DKIM and DMARC findings, and have the receiving tenant's admin submit the message as clean "
        "(Defender portal, Actions & submissions, Submissions); the receiver says {detail}.",
    ),
    "receiver_malware": FindingReason(
        "receiver",
        FAIL,
        "The receiver's filter took something in the message for malware.",
        "Take the attachment out of the template or link to a page instead, then re-test; the receiver says {detail}.",
    ),
    "receiver_bulk": FindingReason(
        "receiver",
        WARN,
        "The receiver knows this sender's mail as bulk mail that draws complaints.",
        "Take people who never answer off this mailbox's sequences and send the rest fewer, personal messages: "
        "Microsoft says {detail}, and its policies act from 5 (strict), 6 (standard) or 7 (default) on.",
    ),
    "receiver_bypassed": FindingReason(
        "receiver",
        WARN,
        "The receiver skipped its filter or a list decided instead, so this placement says nothing.",
        "Remove the allow or block entry for this sender at the seed mailbox (Outlook, Settings, Mail, Junk email) or "
        "at its tenant (anti-spam policies, connection filter, mail flow rules), then re-test ({detail}).",
    ),
    "receiver_user_rule": FindingReason(
        "receiver",
        WARN,
        "A rule of the seed mailbox's user decided where the message went, so this placement says nothing.",
        "Delete the rule at the seed mailbox (Outlook, Settings, Mail, Rules), then re-test ({detail}).",
    ),
    "receiver_unknown": FindingReason(
        "receiver", UNKNOWN, "No verdict written by the receiver itself was found in the message."
    ),
}
