"""SPF: of an envelope domain, and of one delivery."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "spf_ok": ReasonCode("spf", PASS, "One valid SPF record, and every block the provider sends from passes it."),
    "spf_missing": ReasonCode(
        "spf",
        FAIL,
        "The envelope domain has no SPF record.",
        "Publish one TXT record at {domain}: v=spf1 include:{include} ~all",
    ),
    "spf_multiple": ReasonCode(
        "spf",
        FAIL,
        "The envelope domain has several SPF records, which is the same as a broken one (RFC 7208 section 4.5).",
        "Merge the {count} v=spf1 TXT records at {domain} into one that contains include:{include}.",
    ),
    "spf_syntax": ReasonCode(
        "spf",
        FAIL,
        "The SPF record, or one it includes, cannot be evaluated (permerror).",
        "Correct the SPF record at {domain}: {detail}.",
    ),
    "spf_lookup_limit": ReasonCode(
        "spf",
        FAIL,
        "Evaluating the SPF record needs more DNS look-ups than receivers make (RFC 7208 section 4.6.4).",
        "Remove includes that are no longer used from the SPF record at {domain}: {detail}.",
    ),
    "spf_provider_missing": ReasonCode(
        "spf",
        FAIL,
        "Mail sent through the mailbox's provider does not pass the envelope domain's SPF record.",
        "Add include:{include} to the SPF record at {domain}, before its 'all' term; "
        "today mail sent through {provider} does not pass it.",
    ),
    "spf_provider_partial": ReasonCode(
        "spf",
        WARN,
        "Some of the provider's sending addresses pass the SPF record and some do not.",
        "Replace the listed addresses of {provider} in the SPF record at {domain} by include:{include}.",
    ),
    "spf_unknown": ReasonCode("spf", UNKNOWN, "SPF could not be evaluated.", ASK_AGAIN),
}
