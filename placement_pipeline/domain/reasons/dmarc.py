"""DMARC: the policy of a From domain, and whether a message passes it."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, FAIL, PASS, UNKNOWN, WARN, FindingReason

_FIRST_RECORD = "v=DMARC1; p=none; rua=mailto:<your report mailbox>"

REASONS: dict[str, FindingReason] = {
    "dmarc_ok": FindingReason("dmarc", PASS, "A DMARC policy of quarantine or reject is in force."),
    "dmarc_missing": FindingReason(
        "dmarc",
        FAIL,
        "No DMARC record applies to the From domain.",
        f"Publish a TXT record at {{place}}: {_FIRST_RECORD}",
    ),
    "dmarc_unreadable": FindingReason(
        "dmarc",
        FAIL,
        "A TXT record was meant for DMARC, and receivers do not see it as a DMARC record (RFC 9989 section 4.7).",
        f"Rewrite the TXT record at _dmarc.{{holder}} ({{detail}}) in this form: {_FIRST_RECORD}",
    ),
    "dmarc_multiple": FindingReason(
        "dmarc",
        FAIL,
        "Several DMARC records stand at one name, so receivers use none of them (RFC 9989 section 4.10).",
        "Keep one v=DMARC1 TXT record at _dmarc.{holder} and delete the others.",
    ),
    "dmarc_syntax": FindingReason(
        "dmarc",
        FAIL,
        "A mistake in the DMARC record makes receivers ignore it, or its policy (RFC 9989 sections 4.7 and 4.10.1).",
        "Correct the TXT record at _dmarc.{holder}: {detail}.",
    ),
    "dmarc_mistake": FindingReason(
        "dmarc",
        WARN,
        "The DMARC record counts, but a part of it is lost or does harm.",
        "Correct the TXT record at _dmarc.{holder}: {detail}.",
    ),
    "dmarc_policy_missing": FindingReason(
        "dmarc",
        WARN,
        "The DMARC record has no p=, so receivers treat it as p=none (RFC 9989 sections 4.7 and 4.10.1).",
        "Add a policy to the TXT record at _dmarc.{holder}: p=none to watch, p=quarantine once all mail from {domain} "
        "passes by SPF or DKIM.",
    ),
    "dmarc_policy_none": FindingReason(
        "dmarc",
        WARN,
        "A DMARC record applies, and its policy in force asks for nothing.",
        "Once all mail from {domain} passes by SPF or DKIM, set {tag}=quarantine in the DMARC record at "
        "_dmarc.{holder}.",
    ),
    "dmarc_testing": FindingReason(
        "dmarc",
        WARN,
        "The DMARC policy is being tested (t=y), so a milder one is in force (RFC 9989 section 4.7).",
        "Once all mail from {domain} passes by SPF or DKIM, remove t=y from the record at _dmarc.{holder}, so that "
        "{tag}={stated} is in force instead of {in_force}.",
    ),
    "dmarc_lookup_differs": FindingReason(
        "dmarc",
        WARN,
        "Receivers that still go by the public suffix list come to another DMARC result than the tree walk "
        "(RFC 9989 section 4.10).",
        "Receivers disagree ({detail}): {advice}.",
    ),
    "dmarc_unknown": FindingReason("dmarc", UNKNOWN, "DMARC could not be evaluated.", ASK_AGAIN),
    "dmarc_pass": FindingReason("dmarc", PASS, "The message passes DMARC for its From domain."),
    "dmarc_spf_only": FindingReason(
        "dmarc",
        WARN,
        "The message passes DMARC by SPF alone, and fails wherever it is forwarded.",
        "Have the provider sign as {domain}: {menu}.",
    ),
    "dmarc_fail": FindingReason(
        "dmarc",
        FAIL,
        "Neither SPF nor DKIM passes for a domain aligned with From.",
        "To pass DMARC as {domain}, {advice}.",
    ),
    "dmarc_none": FindingReason(
        "dmarc",
        WARN,
        "No usable DMARC record applies to the From domain, so there is nothing to pass or fail; receivers judge by "
        "rules of their own.",
        f"Publish a valid TXT record at _dmarc.{{holder}}: {_FIRST_RECORD}",
    ),
}
