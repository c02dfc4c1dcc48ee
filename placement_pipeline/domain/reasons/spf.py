"""SPF: of an envelope domain, and of one delivery."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, FindingReason

_OF_DOMAIN: dict[str, FindingReason] = {
    "spf_ok": FindingReason("spf", PASS, "One valid SPF record, and every block the provider sends from passes it."),
    "spf_missing": FindingReason(
        "spf",
        FAIL,
        "The envelope domain has no SPF record.",
        "Publish one TXT record at {domain}: v=spf1 include:{include} ~all",
    ),
    "spf_multiple": FindingReason(
        "spf",
        FAIL,
        "The envelope domain has several SPF records, which is the same as a broken one (RFC 7208 section 4.5).",
        "Merge the {count} v=spf1 TXT records at {domain} into one that contains include:{include}.",
    ),
    "spf_syntax": FindingReason(
        "spf",
        FAIL,
        "The SPF record, or one it includes, cannot be evaluated (permerror).",
        "Correct the SPF record at {domain}, or take out the include that leads to the broken one: {detail}.",
    ),
    "spf_lookup_limit": FindingReason(
        "spf",
        FAIL,
        "The provider's own mail needs more DNS look-ups in the SPF record than receivers make, which ends in a "
        "permerror (RFC 7208 section 4.6.4).",
        "Remove includes that are no longer used from the SPF record at {domain}, and put include:{include} first: "
        "{detail}.",
    ),
    "spf_void_limit": FindingReason(
        "spf",
        FAIL,
        "On the provider's own mail more than two terms of the SPF record look up names that do not exist, which ends "
        "in a permerror (RFC 7208 section 4.6.4).",
        "Remove the terms whose names no longer exist from the SPF record at {domain}: {detail}.",
    ),
    "spf_loop": FindingReason(
        "spf",
        FAIL,
        "The SPF record leads back to itself; receivers follow it to the limit of ten look-ups, which is a permerror.",
        "Remove the term that names {target} from the SPF record at {holder}: it closes the circle {chain}.",
    ),
    "spf_include_missing": FindingReason(
        "spf",
        FAIL,
        "The SPF record names a domain that has no SPF record itself, which is a permerror for all mail that gets "
        "that far (RFC 7208 sections 5.2 and 6.1).",
        "Remove or correct what names a domain without an SPF record: {detail}.",
    ),
    "spf_provider_missing": FindingReason(
        "spf",
        FAIL,
        "Mail sent through the mailbox's provider does not pass the envelope domain's SPF record.",
        "Add include:{include} to the SPF record at {domain}, before its 'all' term; "
        "today mail sent through {provider} does not pass it.",
    ),
    "spf_allows_all": FindingReason(
        "spf",
        FAIL,
        "The SPF record lets everybody send as the domain, so filters give a pass no worth.",
        "Remove what lets everybody in, and end the SPF record at {domain} with ~all or -all: {detail}.",
    ),
    "spf_provider_partial": FindingReason(
        "spf",
        WARN,
        "Some of the provider's sending addresses pass the SPF record and some do not.",
        "Replace the listed addresses of {provider} in the SPF record at {domain} by include:{include}.",
    ),
    "spf_lookups_over": FindingReason(
        "spf",
        WARN,
        "The provider's mail passes in time, but other mail runs into the limit of ten DNS look-ups, which is a "
        "permerror (RFC 7208 section 4.6.4).",
        "Remove includes that are no longer used from the SPF record at {domain}: {detail}.",
    ),
    "spf_voids": FindingReason(
        "spf",
        WARN,
        "More look-ups of the SPF record find nothing than some receivers allow, or than any allow on mail that does "
        "not match before (RFC 7208 section 4.6.4).",
        "Remove terms whose names have no address from the SPF record at {domain}, or move them behind "
        "include:{include}: {detail}.",
    ),
    "spf_neutral_all": FindingReason(
        "spf",
        WARN,
        "The SPF record ends in ?all, which says nothing about mail from anywhere else.",
        "Write ~all in place of ?all at the end of the SPF record at {domain}, or of the one it redirects to.",
    ),
    "spf_no_all": FindingReason(
        "spf",
        WARN,
        "The SPF record has neither an 'all' term nor a redirect, so it says nothing about mail from anywhere else "
        "(RFC 7208 section 4.7).",
        "End the SPF record at {domain}, or the one it redirects to, with ~all.",
    ),
    "spf_ptr": FindingReason(
        "spf",
        WARN,
        "The SPF record uses 'ptr', which is not to be used: slow, unreliable, and ignored by some receivers "
        "(RFC 7208 section 5.5).",
        "Write ip4, ip6 or include in place of {detail}.",
    ),
    "spf_terms_after_all": FindingReason(
        "spf",
        WARN,
        "Terms of the SPF record are never looked at, because of its 'all' (RFC 7208 section 5.1).",
        "Move these terms before the 'all', or remove them: {detail}.",
    ),
    "spf_unknown": FindingReason("spf", UNKNOWN, "SPF could not be evaluated.", ASK_AGAIN),
}

_OF_DELIVERY: dict[str, FindingReason] = {
    "spf_pass_aligned": FindingReason("spf", PASS, "SPF passed for an envelope domain that aligns with From."),
    "spf_pass_unaligned": FindingReason(
        "spf",
        WARN,
        "SPF passed, but for an envelope domain that does not align with From, so DMARC rests on DKIM alone.",
        "Make sure that mail from {author} is signed with DKIM as {author}: SPF speaks for {domain} only, as is "
        "usual for an alias at Google.",
    ),
    "spf_refused": FindingReason(
        "spf",
        FAIL,
        "The receiver found that the sending server is not allowed by the envelope domain's SPF record.",
        "Let the SPF record at {domain} include the service that sent this message; the receiver's verdict "
        "was {verdict}.",
    ),
    "spf_message_none": FindingReason(
        "spf",
        FAIL,
        "The receiver found no SPF record at the envelope domain.",
        "Publish an SPF record at {domain} that includes the service which sent this message.",
    ),
    "spf_message_broken": FindingReason(
        "spf",
        FAIL,
        "The receiver could not evaluate the envelope domain's SPF record (permerror).",
        "Correct the SPF record at {domain}; the audit of the domain names the fault.",
    ),
    "spf_delivery_unknown": FindingReason(
        "spf", UNKNOWN, "Whether SPF passed for this message, and for whom, is not known.", ASK_AGAIN
    ),
}

REASONS: dict[str, FindingReason] = _OF_DOMAIN | _OF_DELIVERY
