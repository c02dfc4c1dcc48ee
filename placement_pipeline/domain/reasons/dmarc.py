"""DMARC: the policy of a From domain, and whether a message passes it."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "dmarc_ok": ReasonCode("dmarc", PASS, "A DMARC policy of quarantine or reject is in force."),
    "dmarc_missing": ReasonCode(
        "dmarc",
        FAIL,
        "No DMARC record applies to the From domain.",
        "Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:<your report mailbox>",
    ),
    "dmarc_policy_none": ReasonCode(
        "dmarc",
        WARN,
        "A DMARC record applies, and its policy in force asks for nothing.",
        "Once all mail from {domain} passes by SPF or DKIM, set p=quarantine in the record at _dmarc.{holder}.",
    ),
    "dmarc_syntax": ReasonCode(
        "dmarc",
        FAIL,
        "The DMARC record has a mistake that receivers trip over (RFC 9989 section 4.7).",
        "Correct the TXT record at _dmarc.{holder}: {detail}.",
    ),
    "dmarc_multiple": ReasonCode(
        "dmarc",
        FAIL,
        "Several DMARC records stand at one name, so receivers use none of them (RFC 9989 section 4.10).",
        "Keep one v=DMARC1 TXT record at _dmarc.{holder} and delete the others.",
    ),
    "dmarc_unknown": ReasonCode("dmarc", UNKNOWN, "DMARC could not be evaluated.", ASK_AGAIN),
    "dmarc_pass": ReasonCode("dmarc", PASS, "The message passes DMARC for its From domain."),
    "dmarc_fail": ReasonCode(
        "dmarc",
        FAIL,
        "Neither SPF nor DKIM passes for a domain aligned with From.",
        "Have the provider sign as {domain}: {menu}.",
    ),
    "dmarc_none": ReasonCode(
        "dmarc",
        WARN,
        "The From domain has no DMARC record to pass or fail; receivers judge by rules of their own.",
        "Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:<your report mailbox>",
    ),
}
