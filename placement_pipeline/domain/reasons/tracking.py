"""The hosts that links and images point at."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "tracking_host_clean": ReasonCode("tracking", PASS, "The host is not on the domain blocklist."),
    "tracking_host_listed": ReasonCode(
        "tracking",
        FAIL,
        "A host that the message links to is on a domain blocklist.",
        "Take {host} out of the signature or template, or use a tracking domain of your own; "
        "then ask for removal at {zone} ({detail}).",
    ),
    "tracking_host_unknown": ReasonCode(
        "tracking",
        UNKNOWN,
        "The blocklist did not say whether the host is listed.",
        "Set dns.nameservers to a recursor of your own, or dns.dbl_zone to your key's zone: {detail}.",
    ),
}
