"""What the receiver wrote down about a message."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, WARN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "receiver_verdict": ReasonCode("receiver", PASS, "The receiver wrote down its verdict and raised nothing."),
    "receiver_negative": ReasonCode(
        "receiver",
        FAIL,
        "The receiver itself says that the message failed its checks.",
        "Correct what the other findings name; the receiver says {detail}.",
    ),
    "receiver_bypassed": ReasonCode(
        "receiver",
        WARN,
        "The receiver skipped its filter or a list decided instead, so this placement says nothing.",
        "Remove the allow or block entry for this sender at the seed mailbox or its tenant ({detail}).",
    ),
    "receiver_unknown": ReasonCode(
        "receiver", UNKNOWN, "No verdict written by the receiver itself was found in the message."
    ),
}
