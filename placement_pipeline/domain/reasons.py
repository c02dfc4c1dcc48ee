"""The closed, documented list of reason codes: what each says, and what an admin does about it.

Only the list. Findings are made of it in ``findings``; a code that is not here cannot be
used anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from placement_pipeline.domain.words import CheckStatus


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """What a reason code says, once for all findings that give it.

    Attributes:
        check: the check it belongs to: ``spf``, ``dkim``, ``dmarc``, ``receiver``,
            ``tracking``, ``content``, ``history`` or ``sync``.
        status: what it says of the subject.
        meaning: one sentence for people.
        remedy: one sentence an admin can act on, with ``{names}`` to fill in; empty where
            nothing is to be done.
    """

    check: str
    status: CheckStatus
    meaning: str
    remedy: str = ""


_PASS, _WARN, _FAIL, _UNKNOWN = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.UNKNOWN
_ASK_AGAIN = "Run the audit again; if {subject} still cannot be judged, look into this: {detail}."

REASONS: Mapping[str, ReasonCode] = MappingProxyType(
    {
        "spf_ok": ReasonCode("spf", _PASS, "One valid SPF record, and every block the provider sends from passes it."),
        "spf_missing": ReasonCode(
            "spf",
            _FAIL,
            "The envelope domain has no SPF record.",
            "Publish one TXT record at {domain}: v=spf1 include:{include} ~all",
        ),
        "spf_multiple": ReasonCode(
            "spf",
            _FAIL,
            "The envelope domain has several SPF records, which is the same as a broken one (RFC 7208 section 4.5).",
            "Merge the {count} v=spf1 TXT records at {domain} into one that contains include:{include}.",
        ),
        "spf_syntax": ReasonCode(
            "spf",
            _FAIL,
            "The SPF record, or one it includes, cannot be evaluated (permerror).",
            "Correct the SPF record at {domain}: {detail}.",
        ),
        "spf_lookup_limit": ReasonCode(
            "spf",
            _FAIL,
            "Evaluating the SPF record needs more DNS look-ups than receivers make (RFC 7208 section 4.6.4).",
            "Remove includes that are no longer used from the SPF record at {domain}: {detail}.",
        ),
        "spf_provider_missing": ReasonCode(
            "spf",
            _FAIL,
            "Mail sent through the mailbox's provider does not pass the envelope domain's SPF record.",
            "Add include:{include} to the SPF record at {domain}, before its 'all' term; "
            "today mail sent through {provider} does not pass it.",
        ),
        "spf_provider_partial": ReasonCode(
            "spf",
            _WARN,
            "Some of the provider's sending addresses pass the SPF record and some do not.",
            "Replace the listed addresses of {provider} in the SPF record at {domain} by include:{include}.",
        ),
        "spf_unknown": ReasonCode("spf", _UNKNOWN, "SPF could not be evaluated.", _ASK_AGAIN),
        "dkim_key_ok": ReasonCode("dkim", _PASS, "A usable DKIM key is published."),
        "dkim_key_missing": ReasonCode(
            "dkim",
            _FAIL,
            "No DKIM key is published at the provider's selectors.",
            "Publish a DKIM key for {domain}: {menu}; the record belongs at {name}.",
        ),
        "dkim_key_dangling": ReasonCode(
            "dkim",
            _FAIL,
            "The selector is a CNAME to a name that has no key.",
            "Switch DKIM signing on for {domain} ({menu}) or correct the CNAME at {name}: its target has no key.",
        ),
        "dkim_key_revoked": ReasonCode(
            "dkim",
            _FAIL,
            "The published key is revoked (empty p=, RFC 6376 section 3.6.1).",
            "Publish a new DKIM key for {domain} at {name}: {menu}.",
        ),
        "dkim_key_short": ReasonCode(
            "dkim",
            _FAIL,
            "The key has fewer than 1024 bits; receivers treat its signatures as failed (RFC 8301 section 3.2).",
            "Replace the {bits} bit DKIM key of {domain} at {name} by one of 2048 bits: {menu}.",
        ),
        "dkim_key_weak": ReasonCode(
            "dkim",
            _WARN,
            "The key has fewer than the recommended 2048 bits (RFC 8301 section 3.2).",
            "Rotate the {bits} bit DKIM key of {domain} at {name} to 2048 bits: {menu}.",
        ),
        "dkim_key_testing": ReasonCode(
            "dkim",
            _WARN,
            "The key is marked as a test (t=y); receivers may treat its signatures as absent.",
            "Remove t=y from the DKIM record of {domain} at {name}.",
        ),
        "dkim_key_malformed": ReasonCode(
            "dkim",
            _FAIL,
            "The published key cannot be read.",
            "Publish the DKIM key of {domain} at {name} again, unchanged from where {menu} shows it: {detail}.",
        ),
        "dkim_key_multiple": ReasonCode(
            "dkim",
            _FAIL,
            "Several TXT records stand at the selector; which one a receiver takes is chance.",
            "Keep one TXT record at {name} and delete the others.",
        ),
        "dkim_key_unknown": ReasonCode("dkim", _UNKNOWN, "The DKIM keys could not be looked up.", _ASK_AGAIN),
        "dkim_aligned": ReasonCode("dkim", _PASS, "A valid signature of the From domain covers the message."),
        "dkim_provider_default": ReasonCode(
            "dkim",
            _FAIL,
            "Only the provider's own default domain signs; that verifies and counts for nothing in DMARC.",
            "Publish a DKIM key for {domain} and switch signing on: {menu}; today mail is signed by {signer}.",
        ),
        "dkim_unaligned": ReasonCode(
            "dkim",
            _FAIL,
            "The valid signatures are of domains that do not align with From.",
            "Have mail from {domain} signed by {domain} itself: {menu}; today it is signed by {signer}.",
        ),
        "dkim_failed": ReasonCode(
            "dkim",
            _FAIL,
            "The message is signed, but the signature that matters does not hold.",
            "Look into the signature of {signer}, selector {selector}: {detail}.",
        ),
        "dkim_unsigned": ReasonCode(
            "dkim",
            _FAIL,
            "The message carries no DKIM signature.",
            "Publish a DKIM key for {domain} and switch signing on: {menu}.",
        ),
        "dkim_unknown": ReasonCode("dkim", _UNKNOWN, "The signatures could not be verified.", _ASK_AGAIN),
        "dmarc_ok": ReasonCode("dmarc", _PASS, "A DMARC policy of quarantine or reject is in force."),
        "dmarc_missing": ReasonCode(
            "dmarc",
            _FAIL,
            "No DMARC record applies to the From domain.",
            "Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:<your report mailbox>",
        ),
        "dmarc_policy_none": ReasonCode(
            "dmarc",
            _WARN,
            "A DMARC record applies, and its policy in force asks for nothing.",
            "Once all mail from {domain} passes by SPF or DKIM, set p=quarantine in the record at _dmarc.{holder}.",
        ),
        "dmarc_syntax": ReasonCode(
            "dmarc",
            _FAIL,
            "The DMARC record has a mistake that receivers trip over (RFC 9989 section 4.7).",
            "Correct the TXT record at _dmarc.{holder}: {detail}.",
        ),
        "dmarc_multiple": ReasonCode(
            "dmarc",
            _FAIL,
            "Several DMARC records stand at one name, so receivers use none of them (RFC 9989 section 4.10).",
            "Keep one v=DMARC1 TXT record at _dmarc.{holder} and delete the others.",
        ),
        "dmarc_unknown": ReasonCode("dmarc", _UNKNOWN, "DMARC could not be evaluated.", _ASK_AGAIN),
        "dmarc_pass": ReasonCode("dmarc", _PASS, "The message passes DMARC for its From domain."),
        "dmarc_fail": ReasonCode(
            "dmarc",
            _FAIL,
            "Neither SPF nor DKIM passes for a domain aligned with From.",
            "Have the provider sign as {domain}: {menu}.",
        ),
        "dmarc_none": ReasonCode(
            "dmarc",
            _WARN,
            "The From domain has no DMARC record to pass or fail; receivers judge by rules of their own.",
            "Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:<your report mailbox>",
        ),
        "receiver_verdict": ReasonCode("receiver", _PASS, "The receiver wrote down its verdict and raised nothing."),
        "receiver_negative": ReasonCode(
            "receiver",
            _FAIL,
            "The receiver itself says that the message failed its checks.",
            "Correct what the other findings name; the receiver says {detail}.",
        ),
        "receiver_bypassed": ReasonCode(
            "receiver",
            _WARN,
            "The receiver skipped its filter or a list decided instead, so this placement says nothing.",
            "Remove the allow or block entry for this sender at the seed mailbox or its tenant ({detail}).",
        ),
        "receiver_unknown": ReasonCode(
            "receiver", _UNKNOWN, "No verdict written by the receiver itself was found in the message."
        ),
        "tracking_host_clean": ReasonCode("tracking", _PASS, "The host is not on the domain blocklist."),
        "tracking_host_listed": ReasonCode(
            "tracking",
            _FAIL,
            "A host that the message links to is on a domain blocklist.",
            "Take {host} out of the signature or template, or use a tracking domain of your own; "
            "then ask for removal at {zone} ({detail}).",
        ),
        "tracking_host_unknown": ReasonCode(
            "tracking",
            _UNKNOWN,
            "The blocklist did not say whether the host is listed.",
            "Set dns.nameservers to a recursor of your own, or dns.dbl_zone to your key's zone: {detail}.",
        ),
        "content_ok": ReasonCode("content", _PASS, "Nothing in the content stands out."),
        "image_heavy": ReasonCode(
            "content",
            _WARN,
            "The message is more image than text, as advertising is.",
            "Replace the image in the signature or template by text, or by a logo under 30 kB ({detail}).",
        ),
        "tracking_pixel": ReasonCode(
            "content",
            _WARN,
            "The message carries an invisible remote image that reports when it is opened.",
            "Switch open tracking off for 1:1 mail; the pixel is loaded from {host}.",
        ),
        "links_rewritten": ReasonCode(
            "content",
            _WARN,
            "The links go through a redirecting host that is not the sender's.",
            "Switch link tracking off for 1:1 mail, or use a tracking domain below {domain}; "
            "today the links go through {host}.",
        ),
        "unfilled_merge_field": ReasonCode(
            "content",
            _FAIL,
            "A merge field was sent unfilled.",
            "Fill or remove the merge field {fields} in the template.",
        ),
        "text_part_missing": ReasonCode(
            "content",
            _WARN,
            "The message has an HTML part and no plain text part.",
            "Send a plain text alternative beside the HTML part.",
        ),
        "content_unknown": ReasonCode(
            "content", _UNKNOWN, "The message's content could not be read.", "Look at the kept message: {detail}."
        ),
        "mailbox_cold": ReasonCode(
            "history",
            _FAIL,
            "The mailbox is new, or has hardly sent in weeks; filters know nothing good of it.",
            "Send a few ordinary mails a day from this mailbox for four weeks before using it for outreach.",
        ),
        "mailbox_warming": ReasonCode(
            "history",
            _WARN,
            "The mailbox sends, but not for long or not every week.",
            "Keep the volume of this mailbox low and steady for some weeks more.",
        ),
        "mailbox_warm": ReasonCode("history", _PASS, "The mailbox has sent steadily for weeks."),
        "history_unknown": ReasonCode(
            "history",
            _UNKNOWN,
            "The Sent folder could not be read well enough to judge.",
            "Reconnect this mailbox with a scope that may read its Sent folder.",
        ),
        "sync_two_way": ReasonCode("sync", _PASS, "Pipedrive is joined to the mailbox both ways."),
        "sync_smart_bcc": ReasonCode(
            "sync",
            _WARN,
            "The sync fell back to Smart BCC: Pipedrive sees copies only, and replies are lost to it.",
            "Reconnect this mailbox in Pipedrive: Personal preferences, Email sync.",
        ),
        "sync_off": ReasonCode(
            "sync",
            _WARN,
            "Pipedrive is not joined to the mailbox.",
            "Connect this mailbox in Pipedrive: Personal preferences, Email sync.",
        ),
    }
)
"""Every reason code. A finding with any other code cannot be made."""
