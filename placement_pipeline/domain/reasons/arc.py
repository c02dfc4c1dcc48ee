"""ARC: the chain of those who handed a message on."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, PASS, UNKNOWN, WARN, FindingReason

REASONS: dict[str, FindingReason] = {
    "arc_absent": FindingReason("arc", PASS, "The message has no ARC chain; mail that arrives directly needs none."),
    "arc_pass": FindingReason("arc", PASS, "The ARC chain holds: nothing was changed since its newest seal."),
    "arc_broken": FindingReason(
        "arc",
        WARN,
        "The ARC chain does not hold, so it vouches for nothing; that matters only where the mail was forwarded.",
        "Where mail like this reaches people by a forwarder, have {sealer} sign and seal after its last change: "
        "{detail}.",
    ),
    "arc_unknown": FindingReason("arc", UNKNOWN, "The ARC chain could not be validated.", ASK_AGAIN),
}
