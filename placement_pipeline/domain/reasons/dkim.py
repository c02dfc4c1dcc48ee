"""DKIM and ARC: published keys, and the signatures of a received message."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "dkim_key_ok": ReasonCode("dkim", PASS, "A usable DKIM key is published."),
    "dkim_key_missing": ReasonCode(
        "dkim",
        FAIL,
        "No DKIM key is published at the provider's selectors.",
        "Publish a DKIM key for {domain}: {menu}; the record belongs at {name}.",
    ),
    "dkim_key_dangling": ReasonCode(
        "dkim",
        FAIL,
        "The selector is a CNAME to a name that has no key.",
        "Switch DKIM signing on for {domain} ({menu}) or correct the CNAME at {name}: its target has no key.",
    ),
    "dkim_key_revoked": ReasonCode(
        "dkim",
        FAIL,
        "The published key is revoked (empty p=, RFC 6376 section 3.6.1).",
        "Publish a new DKIM key for {domain} at {name}: {menu}.",
    ),
    "dkim_key_short": ReasonCode(
        "dkim",
        FAIL,
        "The key has fewer than 1024 bits; receivers treat its signatures as failed (RFC 8301 section 3.2).",
        "Replace the {bits} bit DKIM key of {domain} at {name} by one of 2048 bits: {menu}.",
    ),
    "dkim_key_weak": ReasonCode(
        "dkim",
        WARN,
        "The key has fewer than the recommended 2048 bits (RFC 8301 section 3.2).",
        "Rotate the {bits} bit DKIM key of {domain} at {name} to 2048 bits: {menu}.",
    ),
    "dkim_key_testing": ReasonCode(
        "dkim",
        WARN,
        "The key is marked as a test (t=y); receivers may treat its signatures as absent.",
        "Remove t=y from the DKIM record of {domain} at {name}.",
    ),
    "dkim_key_malformed": ReasonCode(
        "dkim",
        FAIL,
        "The published key cannot be read.",
        "Publish the DKIM key of {domain} at {name} again, unchanged from where {menu} shows it: {detail}.",
    ),
    "dkim_key_multiple": ReasonCode(
        "dkim",
        FAIL,
        "Several TXT records stand at the selector; which one a receiver takes is chance.",
        "Keep one TXT record at {name} and delete the others.",
    ),
    "dkim_key_unknown": ReasonCode("dkim", UNKNOWN, "The DKIM keys could not be looked up.", ASK_AGAIN),
    "dkim_aligned": ReasonCode("dkim", PASS, "A valid signature of the From domain covers the message."),
    "dkim_provider_default": ReasonCode(
        "dkim",
        FAIL,
        "Only the provider's own default domain signs; that verifies and counts for nothing in DMARC.",
        "Publish a DKIM key for {domain} and switch signing on: {menu}; today mail is signed by {signer}.",
    ),
    "dkim_unaligned": ReasonCode(
        "dkim",
        FAIL,
        "The valid signatures are of domains that do not align with From.",
        "Have mail from {domain} signed by {domain} itself: {menu}; today it is signed by {signer}.",
    ),
    "dkim_failed": ReasonCode(
        "dkim",
        FAIL,
        "The message is signed, but the signature that matters does not hold.",
        "Look into the signature of {signer}, selector {selector}: {detail}.",
    ),
    "dkim_unsigned": ReasonCode(
        "dkim",
        FAIL,
        "The message carries no DKIM signature.",
        "Publish a DKIM key for {domain} and switch signing on: {menu}.",
    ),
    "dkim_unknown": ReasonCode("dkim", UNKNOWN, "The signatures could not be verified.", ASK_AGAIN),
}
