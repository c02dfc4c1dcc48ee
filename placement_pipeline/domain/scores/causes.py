"""What each finding can be the cause of: spam, a tab, or nothing; every code that fails or warns has its place.

A cause is named only where it explains where the mail landed. What merely weakens a domain is left to the findings,
with the reason why.
"""

from collections.abc import Mapping
from enum import StrEnum


class Effect(StrEnum):
    """What a finding can bring about."""

    AUTHENTICATION = "authentication"  # spam or refusal, where nothing else authenticates the mail
    REJECTION = "rejection"  # spam, quarantine, refusal, loss
    TAB = "tab"  # Promotions and the other tabs
    BOTH = "both"


EFFECTS: Mapping[str, Effect] = {
    # What is authenticated badly, the most particular first: it knows the remedy.
    "dkim_key_gone": Effect.AUTHENTICATION,
    "dkim_key_revoked": Effect.AUTHENTICATION,
    "dkim_from_unsigned": Effect.AUTHENTICATION,
    "dkim_body_partly_signed": Effect.AUTHENTICATION,
    "dkim_body_changed": Effect.AUTHENTICATION,
    "dkim_algorithm_obsolete": Effect.AUTHENTICATION,
    "dkim_expired": Effect.AUTHENTICATION,
    "dkim_key_short": Effect.AUTHENTICATION,
    "dkim_key_malformed": Effect.AUTHENTICATION,
    "dkim_key_multiple": Effect.AUTHENTICATION,
    "dkim_key_dangling": Effect.AUTHENTICATION,
    "dkim_key_missing": Effect.AUTHENTICATION,
    "dkim_signing_key_testing": Effect.AUTHENTICATION,
    "dkim_ed25519_only": Effect.AUTHENTICATION,
    "dkim_failed": Effect.AUTHENTICATION,
    "dkim_unaligned": Effect.AUTHENTICATION,
    "dkim_provider_default": Effect.AUTHENTICATION,
    "dkim_unsigned": Effect.AUTHENTICATION,
    "spf_provider_missing": Effect.AUTHENTICATION,
    "spf_missing": Effect.AUTHENTICATION,
    "spf_multiple": Effect.AUTHENTICATION,
    "spf_syntax": Effect.AUTHENTICATION,
    "spf_lookup_limit": Effect.AUTHENTICATION,
    "spf_void_limit": Effect.AUTHENTICATION,
    "spf_loop": Effect.AUTHENTICATION,
    "spf_include_missing": Effect.AUTHENTICATION,
    "spf_provider_partial": Effect.AUTHENTICATION,
    "spf_refused": Effect.AUTHENTICATION,
    "spf_message_none": Effect.AUTHENTICATION,
    "spf_message_broken": Effect.AUTHENTICATION,
    "receiver_auth_failed": Effect.AUTHENTICATION,
    "dmarc_fail": Effect.AUTHENTICATION,
    # What a filter holds against a message or a sender.
    "tracking_host_listed": Effect.REJECTION,
    "sending_address_listed": Effect.REJECTION,
    "receiver_malware": Effect.REJECTION,
    "receiver_phish": Effect.REJECTION,
    "receiver_bulk": Effect.REJECTION,
    "mx_null": Effect.REJECTION,
    "mx_missing": Effect.REJECTION,
    "mx_broken": Effect.REJECTION,
    "mx_implicit": Effect.REJECTION,
    "tracking_host_suspect": Effect.REJECTION,
    "tracking_host_address": Effect.REJECTION,
    "tracking_host_missing": Effect.REJECTION,
    "link_text_differs": Effect.REJECTION,
    "link_shortener": Effect.REJECTION,
    "sending_address_policy": Effect.REJECTION,
    "spf_allows_all": Effect.REJECTION,
    "mailbox_cold": Effect.REJECTION,
    "mailbox_warming": Effect.REJECTION,
    "dmarc_unreadable": Effect.REJECTION,
    "dmarc_multiple": Effect.REJECTION,
    "dmarc_syntax": Effect.REJECTION,
    "dmarc_missing": Effect.REJECTION,
    "dmarc_none": Effect.REJECTION,
    "text_part_missing": Effect.REJECTION,
    # What makes a message look like a campaign.
    "tracking_pixel": Effect.TAB,
    "links_rewritten": Effect.TAB,
    "image_heavy": Effect.TAB,
    "signature_heavy": Effect.TAB,
    "tracking_host_shared": Effect.TAB,
    "unfilled_merge_field": Effect.BOTH,
    "html_clipped": Effect.BOTH,
}
"""The likelier cause before the less likely one, within each effect."""

NEVER_A_CAUSE: Mapping[str, str] = {
    "arc_broken": "ARC vouches for forwarded mail, and a probe is not forwarded.",
    "receiver_spam": "It says where the mail landed, and not why.",
    "receiver_bypassed": "Such a probe is void.",
    "receiver_user_rule": "Such a probe is void.",
    "dkim_key_weak": "Receivers still take such a key.",
    "dkim_key_long": "A receiver that cannot use it says that the signature fails.",
    "dkim_key_testing": "What was received shows whether the signature counted.",
    "dkim_signing_key_weak": "Receivers still take such a key.",
    "dkim_length_tag": "It lets others abuse the signature, and costs the sender nothing yet.",
    "dmarc_policy_none": "A policy that asks for nothing lets mail pass.",
    "dmarc_policy_missing": "Receivers treat it as one that asks for nothing.",
    "dmarc_testing": "A milder policy is in force, which lets mail pass.",
    "dmarc_mistake": "The record counts all the same.",
    "dmarc_lookup_differs": "What was received shows what the receiver came to.",
    "dmarc_spf_only": "A probe is not forwarded, so SPF carries it.",
    "spf_pass_unaligned": "DMARC rests on DKIM, which was judged beside.",
    "spf_lookups_over": "It is about other mail than that of the mailbox's provider.",
    "spf_voids": "It is about other mail than that of the mailbox's provider.",
    "spf_neutral_all": "It is about mail from anywhere else.",
    "spf_no_all": "It is about mail from anywhere else.",
    "spf_ptr": "What was received shows whether SPF passed.",
    "spf_terms_after_all": "What was received shows whether SPF passed.",
    "sync_smart_bcc": "It is told by itself, whatever the mail did.",
    "sync_off": "It is told where nothing was sent.",
}
"""Codes that fail or warn and are never why mail landed where it did, and why not."""
