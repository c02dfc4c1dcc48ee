"""The content of a received message."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, WARN, ReasonCode

REASONS: dict[str, ReasonCode] = {
    "content_ok": ReasonCode("content", PASS, "Nothing in the content stands out."),
    "image_heavy": ReasonCode(
        "content",
        WARN,
        "The message is more image than text, as advertising is.",
        "Replace the image in the signature or template by text, or by a logo under 30 kB ({detail}).",
    ),
    "tracking_pixel": ReasonCode(
        "content",
        WARN,
        "The message carries an invisible remote image that reports when it is opened.",
        "Switch open tracking off for 1:1 mail; the pixel is loaded from {host}.",
    ),
    "links_rewritten": ReasonCode(
        "content",
        WARN,
        "The links go through a redirecting host that is not the sender's.",
        "Switch link tracking off for 1:1 mail, or use a tracking domain below {domain}; "
        "today the links go through {host}.",
    ),
    "unfilled_merge_field": ReasonCode(
        "content",
        FAIL,
        "A merge field was sent unfilled.",
        "Fill or remove the merge field {fields} in the template.",
    ),
    "text_part_missing": ReasonCode(
        "content",
        WARN,
        "The message has an HTML part and no plain text part.",
        "Send a plain text alternative beside the HTML part.",
    ),
    "content_unknown": ReasonCode(
        "content", UNKNOWN, "The message's content could not be read.", "Look at the kept message: {detail}."
    ),
}
