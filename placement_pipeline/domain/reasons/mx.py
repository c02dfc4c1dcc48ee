"""MX: whether replies and bounces can reach a sending domain."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, FindingReason

REASONS: dict[str, FindingReason] = {
    "mx_ok": FindingReason("mx", PASS, "The domain names hosts that take its mail."),
    "mx_implicit": FindingReason(
        "mx",
        WARN,
        "The domain has no MX record; mail for it goes to its address record, where often nobody takes it "
        "(RFC 5321 section 5.1).",
        "Publish an MX record at {domain} that names the host which takes its mail.",
    ),
    "mx_missing": FindingReason(
        "mx",
        FAIL,
        "The domain has neither MX nor address records: replies and bounces cannot reach it.",
        "Publish an MX record at {domain} that names the host which takes its mail.",
    ),
    "mx_null": FindingReason(
        "mx",
        FAIL,
        "The domain says that it takes no mail (null MX, RFC 7505); receivers refuse mail nobody can answer.",
        "Replace the null MX record at {domain} by the host which takes its mail.",
    ),
    "mx_broken": FindingReason(
        "mx",
        FAIL,
        "An MX record names an address where a host name belongs (RFC 5321 section 5.1).",
        "Write a host name into the MX record at {domain} in place of {host}.",
    ),
    "mx_unknown": FindingReason("mx", UNKNOWN, "The MX records could not be looked up.", ASK_AGAIN),
}
