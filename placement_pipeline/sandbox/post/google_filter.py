"""How Gmail-like receivers file mail, and the header fields they write.

Modelled on what Google's sender guidelines say and what its headers look like:
https://support.google.com/mail/answer/81126. Rules of thumb, not Google's filter.
"""

from datetime import timedelta, timezone
from email.utils import format_datetime

from placement_pipeline.sandbox.post.arrival import Filed, MailAtTheDoor, Rejected
from placement_pipeline.sandbox.post.authentication import Authentication, DkimResult
from placement_pipeline.sandbox.world.past import derive

_PACIFIC = timezone(timedelta(hours=-8))
_SPF_WORDS = {
    "pass": "domain of {sender} designates {ip} as permitted sender",
    "fail": "domain of {sender} does not designate {ip} as permitted sender",
    "softfail": "domain of transitioning {sender} does not designate {ip} as permitted sender",
    "neutral": "{ip} is neither permitted nor denied by best guess record for domain of {sender}",
    "none": "{sender} does not designate permitted sender hosts",
}


def judge(arrival: MailAtTheDoor) -> Filed | Rejected:
    """File one message: spam first by authentication, then blocklist, history and dislike; tabs by content."""
    dmarc = arrival.authentication.dmarc
    if dmarc.verdict == "fail" and dmarc.policy == "reject":
        return Rejected(
            f"550-5.7.26 Unauthenticated email from {arrival.from_domain} is not accepted due to domain's DMARC policy."
        )
    is_spam = (
        (dmarc.verdict == "fail" and dmarc.policy == "quarantine")
        or not arrival.authentication.passes_anything
        or bool(arrival.listed_hosts)
        or arrival.is_cold_here
        or arrival.is_disliked
    )
    if is_spam:
        return Filed("junk", None, _trace(arrival))
    is_promotion = arrival.content.is_image_heavy or arrival.content.is_tracked
    return Filed("inbox", "promotions" if is_promotion else "personal", _trace(arrival))


def _trace(arrival: MailAtTheDoor) -> tuple[str, ...]:
    mail, date = arrival.mail, format_datetime(arrival.at.astimezone(_PACIFIC))
    hop = derive("google hop", mail.id, arrival.recipient, length=30)
    sender, ip = mail.envelope_from, mail.relay.ip
    spf = arrival.authentication.spf.verdict
    words = _SPF_WORDS.get(spf, "error in processing during lookup of {sender}").format(sender=sender, ip=ip)
    return (
        f"Delivered-To: {arrival.recipient}",
        f"Received: by 2002:a05:6402:{hop[:4]}:b0:{hop[4:7]}:{hop[7:11]} with SMTP id {hop}csp{hop[:6]};"
        f"\r\n        {date} (PST)",
        f"Return-Path: <{sender}>",
        f"Received: from {mail.relay.name} ({mail.relay.name}. [{ip}])"
        f"\r\n        by mx.google.com with SMTPS id {hop[:20]}.1"
        f"\r\n        for <{arrival.recipient}>"
        f"\r\n        (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128);"
        f"\r\n        {date} (PST)",
        f"Received-SPF: {spf} (google.com: {words}) client-ip={ip};",
        _authentication_results(arrival.authentication, sender, words),
    )


def _authentication_results(authentication: Authentication, sender: str, spf_words: str) -> str:
    parts = [_dkim(result) for result in authentication.dkim]
    parts.append(f"spf={authentication.spf.verdict} (google.com: {spf_words}) smtp.mailfrom={sender}")
    dmarc = authentication.dmarc
    if dmarc.verdict != "none":
        policy = dmarc.policy.upper()
        done = policy if dmarc.verdict == "fail" else "NONE"
        parts.append(f"dmarc={dmarc.verdict} (p={policy} sp={policy} dis={done}) header.from={dmarc.domain}")
    return "Authentication-Results: mx.google.com;" + ";".join(f"\r\n       {part}" for part in parts)


def _dkim(result: DkimResult) -> str:
    verdict = {"fail": "fail", "permerror": "permerror (no key for signature)"}.get(result.verdict, result.verdict)
    return f"dkim={verdict} header.i=@{result.domain} header.s={result.selector} header.b={result.prefix}"
