"""ARC: the chain of those who handed a message on."""

from placement_pipeline.domain.reasons.code import ASK_AGAIN, PASS, UNKNOWN, WARN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "arc_absent": ReasonCode("arc", PASS, "The message has no ARC chain; mail that arrives directly needs none."),
    "arc_pass": ReasonCode("arc", PASS, "The ARC chain holds: nothing was changed since its newest seal."),
    "arc_broken": ReasonCode(
        "arc",
        WARN,
        "The ARC chain does not hold, so it vouches for nothing; that matters only where the mail was forwarded.",
        "Where mail like this reaches people by a forwarder, have {sealer} sign and seal after its last change: "
        "{detail}.",
    ),
    "arc_unknown": ReasonCode("arc", UNKNOWN, "The ARC chain could not be validated.", ASK_AGAIN),
}
