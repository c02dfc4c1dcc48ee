"""DKIM: published keys, and the signatures of a received message."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, FindingReason

REASONS: dict[str, FindingReason] = {
    "dkim_key_ok": FindingReason("dkim", PASS, "A usable DKIM key is published."),
    "dkim_key_missing": FindingReason(
        "dkim",
        FAIL,
        "No DKIM key is published at a selector that mail is, or would be, signed with.",
        "Publish a DKIM key for {domain} at {name}, the TXT or CNAME record just as the provider shows it: {menu}.",
    ),
    "dkim_key_dangling": FindingReason(
        "dkim",
        FAIL,
        "The selector is a CNAME to a name that has no key.",
        "Switch DKIM signing on for {domain} ({menu}); if it is on, replace the CNAME at {name} by the one shown "
        "there, because its target {target} has no key.",
    ),
    "dkim_key_revoked": FindingReason(
        "dkim",
        FAIL,
        "The published key is revoked (empty p=, RFC 6376 section 3.6.1).",
        "Publish a new DKIM key for {domain} at {name}: {menu}.",
    ),
    "dkim_key_short": FindingReason(
        "dkim",
        FAIL,
        "The key has fewer than 1024 bits; receivers treat its signatures as failed (RFC 8301 section 3.2).",
        "Replace the DKIM key of {domain} at {name} ({bits} bits) by one of 2048 bits: {menu}.",
    ),
    "dkim_key_weak": FindingReason(
        "dkim",
        WARN,
        "The key has fewer than the recommended 2048 bits (RFC 8301 section 3.2).",
        "Rotate the DKIM key of {domain} at {name} ({bits} bits) to 2048 bits: {menu}.",
    ),
    "dkim_key_long": FindingReason(
        "dkim",
        WARN,
        "The key has more than 4096 bits, which receivers need not be able to use (RFC 8301 section 3.2).",
        "Rotate the DKIM key of {domain} at {name} ({bits} bits) to 2048 bits: {menu}.",
    ),
    "dkim_key_testing": FindingReason(
        "dkim",
        WARN,
        "The key is marked as a test (t=y); receivers may treat its signatures as absent.",
        "Remove t=y from the DKIM record of {domain} at {name}.",
    ),
    "dkim_key_malformed": FindingReason(
        "dkim",
        FAIL,
        "The published record holds no key that mail can be verified with.",
        "Publish the DKIM key of {domain} at {name} again, unchanged from where it is shown ({menu}): {detail}.",
    ),
    "dkim_key_multiple": FindingReason(
        "dkim",
        FAIL,
        "Several TXT records stand at the selector: some receivers take any of them, others none "
        "(RFC 6376 section 3.6.2.2).",
        "Keep the one TXT record at {name} that holds the key in use and delete the others ({detail}).",
    ),
    "dkim_key_unknown": FindingReason("dkim", UNKNOWN, "The DKIM keys could not be looked up.", ASK_AGAIN),
    "dkim_aligned": FindingReason("dkim", PASS, "A valid signature of the From domain covers the message."),
    "dkim_length_tag": FindingReason(
        "dkim",
        WARN,
        "The signature has a body length (l=): anybody can append text to the mail and it still verifies "
        "(RFC 6376 section 8.2).",
        "Switch the body length (l=) off in the system that signs for {signer} with selector {selector}.",
    ),
    "dkim_signing_key_weak": FindingReason(
        "dkim",
        WARN,
        "The message is signed with a key of fewer than the recommended 2048 bits (RFC 8301 section 3.2).",
        "Rotate the DKIM key at {name} ({bits} bits) to 2048 bits: {menu}.",
    ),
    "dkim_signing_key_testing": FindingReason(
        "dkim",
        WARN,
        "The message is signed with a key marked as a test (t=y); receivers may treat it as unsigned.",
        "Remove t=y from the DKIM record at {name}.",
    ),
    "dkim_ed25519_only": FindingReason(
        "dkim",
        WARN,
        "The From domain signs with Ed25519 alone, which many receivers still do not verify (RFC 8463).",
        "Have mail from {domain} signed with an RSA key of 2048 bits too, beside selector {selector}: {menu}.",
    ),
    "dkim_provider_default": FindingReason(
        "dkim",
        FAIL,
        "Only the provider's own default domain signs; that verifies and counts for nothing in DMARC.",
        "Publish a DKIM key for {domain} and switch signing on: {menu}; today mail is signed by {signer}.",
    ),
    "dkim_unaligned": FindingReason(
        "dkim",
        FAIL,
        "The valid signatures are of domains that do not align with From.",
        "Have mail from {domain} signed by {domain} itself: {menu}; today it is signed by {signer}.",
    ),
    "dkim_from_unsigned": FindingReason(
        "dkim",
        FAIL,
        "The signature does not cover From, so receivers ignore it (RFC 6376 section 5.4).",
        "Add From to the signed header fields (h=) of the system that signs for {signer} with selector {selector}: "
        "{detail}.",
    ),
    "dkim_body_partly_signed": FindingReason(
        "dkim",
        FAIL,
        "Text was appended after signing; the signature's body length (l=) leaves it unsigned (RFC 6376 section 8.2).",
        "Find what appends text to mail from {domain} after it is signed (a footer or a gateway) and sign after it; "
        "switch the body length (l=) off for selector {selector}.",
    ),
    "dkim_body_changed": FindingReason(
        "dkim",
        FAIL,
        "The body was changed after signing, so the signature of the From domain does not hold.",
        "Find what changes mail from {domain} after it is signed (a disclaimer, a gateway, a tracking service) and "
        "sign after it: selector {selector}, {menu}.",
    ),
    "dkim_algorithm_obsolete": FindingReason(
        "dkim",
        FAIL,
        "The message is signed with rsa-sha1, which receivers must not accept (RFC 8301 section 3.1).",
        "Switch the system that signs for {signer} with selector {selector} to rsa-sha256.",
    ),
    "dkim_expired": FindingReason(
        "dkim",
        FAIL,
        "The signature had expired (x=) when the message was received.",
        "Give the signatures of {signer}, selector {selector}, a longer life (x=), a week or none at all, or find "
        "what held the message back.",
    ),
    "dkim_key_gone": FindingReason(
        "dkim",
        FAIL,
        "The message is signed, but the key that the signature names is not published.",
        "Publish the key that {signer} signs with at {name}, or sign with a selector that has one: {menu}.",
    ),
    "dkim_failed": FindingReason(
        "dkim",
        FAIL,
        "The message is signed, but the signature that matters does not hold.",
        "Look into the signature of {signer}, selector {selector}: {detail}.",
    ),
    "dkim_unsigned": FindingReason(
        "dkim",
        FAIL,
        "The message carries no DKIM signature.",
        "Publish a DKIM key for {domain} and switch signing on: {menu}.",
    ),
    "dkim_unknown": FindingReason("dkim", UNKNOWN, "The signatures could not be verified.", ASK_AGAIN),
}
