"""The content of a received message."""

from placement_pipeline.domain.reasons.code import FAIL, PASS, UNKNOWN, WARN, FindingReason

REASONS: dict[str, FindingReason] = {
    "content_ok": FindingReason("content", PASS, "Nothing in the content stands out."),
    "image_heavy": FindingReason(
        "content",
        WARN,
        "The message is more image than text, as advertising is.",
        "Replace the image in the {place} by text, or by a logo under 30 kB ({detail}).",
    ),
    "signature_heavy": FindingReason(
        "content",
        WARN,
        "The signature outweighs what the rep wrote.",
        "Have the rep shorten the signature (Gmail: Settings, See all settings, General, Signature; Outlook: Settings, "
        "Mail, Compose and reply) to a few lines and one small logo: {detail}.",
    ),
    "tracking_pixel": FindingReason(
        "content",
        WARN,
        "The message carries an invisible remote image that reports when it is opened.",
        "Switch open tracking off for 1:1 mail; the pixel is loaded from {host}.",
    ),
    "links_rewritten": FindingReason(
        "content",
        WARN,
        "The links go through a redirecting host that is not the sender's.",
        "Switch link tracking off for 1:1 mail, or use a tracking domain below {domain}; "
        "today the links go through {host}.",
    ),
    "link_shortener": FindingReason(
        "content",
        WARN,
        "A link goes through a public shortener: it hides where it leads, and shares the reputation of all who use it.",
        "Replace the short link of {host} in the template or signature by the full address of the page.",
    ),
    "link_text_differs": FindingReason(
        "content",
        WARN,
        "A link shows one site's address and leads to another's, which filters take for phishing.",
        "Let the link that shows {shown} lead there itself, or give it words instead of an address; today it leads to "
        "{host}: where click tracking does that, switch it off for 1:1 mail.",
    ),
    "html_clipped": FindingReason(
        "content",
        WARN,
        "The HTML is longer than Gmail shows; the end of the message, the signature first, is cut off.",
        "Shorten the HTML part of the message from {size} to under 102 kB: take out images in the page (data:) and "
        "formatting that was pasted along.",
    ),
    "unfilled_merge_field": FindingReason(
        "content",
        FAIL,
        "A merge field was sent unfilled.",
        "Fill or remove the merge field {fields} in the template.",
    ),
    "text_part_missing": FindingReason(
        "content",
        WARN,
        "The message has an HTML part and no plain text part, or an empty one.",
        "Send a plain text alternative beside the HTML part.",
    ),
    "content_unknown": FindingReason(
        "content", UNKNOWN, "The message's content could not be read.", "Look at the kept message: {detail}."
    ),
}
