"""How a regional provider files mail: a small additive score in rspamd's manner, and its header fields.

Symbols and weights follow rspamd's defaults in kind, not in number: https://rspamd.com/doc/configuration/symbols.html.
"""

from email.utils import format_datetime

from placement_pipeline.sandbox.post.arrival import Filed, MailAtTheDoor
from placement_pipeline.sandbox.world.past import derive

_JUNK_SCORE = 5.0
_COLD_WEIGHT = 7.0
_DMARC_SYMBOLS = {
    "none": ("DMARC_POLICY_SOFTFAIL", 1.5),
    "quarantine": ("DMARC_POLICY_QUARANTINE", 5.5),
    "reject": ("DMARC_POLICY_REJECT", 6.5),
}
_SPF_SYMBOLS = {
    "pass": ("R_SPF_ALLOW", -0.2),
    "fail": ("R_SPF_FAIL", 2.0),
    "softfail": ("R_SPF_SOFTFAIL", 1.0),
    "none": ("R_SPF_NA", 0.5),
}
_DKIM_SYMBOLS = {"pass": ("R_DKIM_ALLOW", -0.2), "fail": ("R_DKIM_REJECT", 1.0), "permerror": ("R_DKIM_PERMFAIL", 0.5)}


def judge(arrival: MailAtTheDoor) -> Filed:
    """File one message: junk above 5 points, inbox below."""
    symbols = score(arrival)
    total = sum(weight for _, weight in symbols)
    return Filed("junk" if total > _JUNK_SCORE else "inbox", None, _trace(arrival, symbols, total))


def score(arrival: MailAtTheDoor) -> list[tuple[str, float]]:
    """The symbols that fire, with their weights."""
    authentication = arrival.authentication
    symbols = [_SPF_SYMBOLS.get(authentication.spf.verdict, ("R_SPF_DNSFAIL", 0.0))]
    symbols += [_DKIM_SYMBOLS.get(result.verdict, ("R_DKIM_TEMPFAIL", 0.0)) for result in authentication.dkim]
    if not authentication.dkim:
        symbols.append(("R_DKIM_NA", 0.5))
    if authentication.dmarc.verdict == "fail":
        symbols.append(_DMARC_SYMBOLS.get(authentication.dmarc.policy, _DMARC_SYMBOLS["none"]))
    elif authentication.dmarc.verdict == "pass":
        symbols.append(("DMARC_POLICY_ALLOW", -0.5))
    symbols += [("DBL_SPAM", 6.5) for _ in arrival.listed_hosts[:1]]
    if arrival.is_cold:
        symbols.append(("SENDER_UNKNOWN", round(_COLD_WEIGHT * arrival.strictness, 1)))
    if arrival.is_disliked:
        symbols.append(("BAYES_SPAM", 6.5))
    if arrival.content.is_image_heavy:
        symbols.append(("R_MIXED_IMAGES", 1.0))
    return symbols


def _trace(arrival: MailAtTheDoor, symbols: list[tuple[str, float]], total: float) -> tuple[str, ...]:
    mail, authentication = arrival.mail, arrival.authentication
    host = f"mx.{arrival.recipient.rpartition('@')[2]}"
    is_spam = total > _JUNK_SCORE
    listing = ";".join(f"\r\n\t{name}({weight:.2f})[]" for name, weight in symbols)
    results = [
        f"dkim={result.verdict} header.d={result.domain} header.s={result.selector} header.b={result.prefix}"
        for result in authentication.dkim
    ] or ["dkim=none"]
    results.append(f"spf={authentication.spf.verdict} smtp.mailfrom={mail.envelope_from}")
    results.append(
        f"dmarc={authentication.dmarc.verdict} (policy={authentication.dmarc.policy}) header.from={arrival.from_domain}"
    )
    return (
        f"Return-Path: <{mail.envelope_from}>",
        f"X-Spamd-Result: default: {is_spam} [{total:.2f} / {_JUNK_SCORE:.2f}];{listing}",
        f"X-Spam-Status: {'Yes' if is_spam else 'No'}, score={total:.2f}",
        *(("X-Spam-Flag: YES",) if is_spam else ()),
        f"Authentication-Results: {host};" + ";".join(f"\r\n\t{result}" for result in results),
        f"Received: from {mail.relay.name} ({mail.relay.name} [{mail.relay.ip}])"
        f"\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))"
        f"\r\n\tby {host} (Postfix) with ESMTPS id {derive('hop', mail.id, arrival.recipient, length=11).upper()}"
        f"\r\n\tfor <{arrival.recipient}>; {format_datetime(arrival.at)}",
    )
