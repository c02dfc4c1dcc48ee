"""The hosts that links and images point at, and the address that sent: what blocklists and DNS say of them."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, WARN, FindingReason

_ASK_OTHERWISE = (
    "Name a recursor of your own in dns.nameservers, or set secrets.spamhaus_key for Spamhaus's lists, and run the "
    "audit again: {detail}."
)

REASONS: dict[str, FindingReason] = {
    "tracking_host_clean": FindingReason("tracking", PASS, "The host is on none of the domain blocklists."),
    "tracking_host_listed": FindingReason(
        "tracking",
        FAIL,
        "A host that the message links to, or a name it is an alias of, is on a domain blocklist.",
        "Take {host} out of signature, template and tracking settings until it is off the list; "
        "its owner asks for removal at {zone} ({detail}).",
    ),
    "tracking_host_suspect": FindingReason(
        "tracking",
        WARN,
        "A host that the message links to is on a list of doubtful domains, which some filters count against the mail.",
        "Link to another host than {host}, or ask its owner to have it taken off at {zone} ({detail}).",
    ),
    "tracking_host_unknown": FindingReason(
        "tracking", UNKNOWN, "A blocklist, or DNS, did not say how the host stands.", _ASK_OTHERWISE
    ),
    "tracking_host_missing": FindingReason(
        "tracking",
        FAIL,
        "A host that the message links to has no address: the link or image is dead.",
        "Correct the link or image in signature or template, or publish an A or CNAME record at {host} ({detail}).",
    ),
    "tracking_host_address": FindingReason(
        "tracking",
        WARN,
        "The message links to an IP address instead of a name, as phishing does.",
        "Replace {host} in signature, template or tracking settings by the name of the host.",
    ),
    "tracking_host_branded": FindingReason(
        "tracking", PASS, "The tracking host belongs to the sender's own organisation: its reputation is the sender's."
    ),
    "tracking_host_shared": FindingReason(
        "tracking",
        WARN,
        "The tracking host is not below the sender's own domain: what others send through it counts against the mail.",
        "Set up a tracking domain of your own below {domain}, as a CNAME record to the name that {vendor} gives you, "
        "or switch open and click tracking off.",
    ),
    "sending_address_clean": FindingReason("sending_address", PASS, "The sending address is on no blocklist."),
    "sending_address_listed": FindingReason(
        "sending_address",
        FAIL,
        "The address that handed the message over is on a blocklist of addresses.",
        "Have whoever runs the mail server {address} end what it was listed for, and then ask for removal at "
        "check.spamhaus.org ({detail}).",
    ),
    "sending_address_policy": FindingReason(
        "sending_address",
        WARN,
        "The address that handed the message over is one that should not send mail directly, by its network's policy.",
        "Send through your mail provider's servers instead of directly from {address}, or have its network's owner "
        "take it off the PBL at check.spamhaus.org ({detail}).",
    ),
    "sending_address_unknown": FindingReason(
        "sending_address", UNKNOWN, "The blocklist did not say how the sending address stands.", _ASK_OTHERWISE
    ),
}
