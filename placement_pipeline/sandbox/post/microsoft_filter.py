"""How Microsoft-like receivers file mail, and the header fields they write.

Modelled on Microsoft's page about message headers and composite authentication:
https://learn.microsoft.com/defender-office-365/message-headers-eop-mdo. Rules of thumb,
not Microsoft's filter.
"""

from email.utils import format_datetime

from placement_pipeline.sandbox.post.arrival import Filed, MailAtTheDoor
from placement_pipeline.sandbox.post.authentication import Authentication
from placement_pipeline.sandbox.world.past import derive

_DKIM_WORDS = {
    "pass": "pass (signature was verified)",
    "fail": "fail (signature did not verify)",
    "permerror": "fail (no key for signature)",
    "temperror": "timeout (key query timeout)",
}


def judge(arrival: MailAtTheDoor) -> Filed:
    """File one message: composite authentication, SPF, blocklist, history, dislike; focused or other by content."""
    authentication = arrival.authentication
    fails_composite = _compauth(authentication).startswith("fail")
    fails_spf = authentication.spf.verdict == "fail" and not authentication.is_aligned
    category = "SPOOF" if fails_composite or fails_spf else "SPM"
    if fails_composite or fails_spf or arrival.listed_hosts or arrival.is_cold_here or arrival.is_disliked:
        return Filed("junk", None, _trace(arrival, scl=5, verdict="SPM", category=category))
    is_other = arrival.content.is_image_heavy or arrival.content.is_tracked
    trace = _trace(arrival, scl=1, verdict="NSPM", category="NONE")
    return Filed("inbox", "other" if is_other else "focused", trace)


def _compauth(authentication: Authentication) -> str:
    """Composite authentication and its reason code: 1xx passed, 000 failed outright, 001 failed by inference."""
    dmarc = authentication.dmarc
    if dmarc.verdict == "pass":
        return "pass reason=100"
    if dmarc.verdict == "fail":
        return "fail reason=001" if dmarc.policy == "none" else "fail reason=000"
    if authentication.is_aligned:
        return "pass reason=109"
    return "none reason=451" if dmarc.verdict == "temperror" else "fail reason=001"


def _trace(arrival: MailAtTheDoor, scl: int, verdict: str, category: str) -> tuple[str, ...]:
    mail, date = arrival.mail, format_datetime(arrival.at)
    number = int(derive("microsoft hop", mail.id, arrival.recipient, length=6), 16)
    edge = f"DB1PEPF000{number % 90000 + 10000}.mail.protection.outlook.com"
    host = f"DB9PR02MB{number % 9000 + 1000}.eurprd02.prod.outlook.com"
    ip, helo = mail.relay.ip, mail.relay.name
    return (
        f"Received: from {edge} (2603:10a6:10:2e4::1)\r\n by {host} with Microsoft SMTP Server"
        f"\r\n (version=TLS1_3, cipher=TLS_AES_256_GCM_SHA384) id 15.20.8158.14;\r\n {date}",
        f"Received: from {helo} ({ip})\r\n by {edge} (10.167.242.36) with Microsoft SMTP Server"
        f"\r\n (version=TLS1_3, cipher=TLS_AES_256_GCM_SHA384) id 15.20.8158.14 via Frontend Transport;\r\n {date}",
        _authentication_results(arrival),
        _received_spf(arrival),
        f"Return-Path: {mail.envelope_from}",
        f"X-MS-Exchange-Organization-SCL: {scl}",
        "X-MS-Exchange-Organization-AuthAs: Anonymous",
        "X-Microsoft-Antispam: BCL:0;ARA:13230040|82310400026;",
        f"X-Forefront-Antispam-Report:\r\n CIP:{ip};CTRY:US;LANG:en;SCL:{scl};SRV:;IPV:NLI;SFV:{verdict};"
        f"H:{helo};\r\n PTR:{helo};CAT:{category};SFS:(13230040)(82310400026);DIR:INB;",
    )


def _authentication_results(arrival: MailAtTheDoor) -> str:
    authentication = arrival.authentication
    results = authentication.dkim
    chosen = next((result for result in results if result.verdict == "pass"), results[0] if results else None)
    signed = (
        f"dkim={_DKIM_WORDS[chosen.verdict]}\r\n header.d={chosen.domain}"
        if chosen
        else "dkim=none (message not signed)\r\n header.d=none"
    )
    dmarc = authentication.dmarc
    action = "none"
    if dmarc.verdict == "fail" and dmarc.policy != "none":
        action = {"quarantine": "quarantine", "reject": "oreject"}.get(dmarc.policy, "none")
    # No authserv-id: Exchange Online's own field has none.
    return (
        f"Authentication-Results: spf={authentication.spf.verdict} (sender IP is {arrival.mail.relay.ip})"
        f"\r\n smtp.mailfrom={authentication.spf.domain}; {signed};dmarc={dmarc.verdict}"
        f" action={action}\r\n header.from={arrival.from_domain};compauth={_compauth(authentication)}"
    )


def _received_spf(arrival: MailAtTheDoor) -> str:
    verdict, ip = arrival.authentication.spf.verdict, arrival.mail.relay.ip
    verb = "designates" if verdict == "pass" else "does not designate"
    return (
        f"Received-SPF: {verdict.capitalize()} (protection.outlook.com: domain of {arrival.authentication.spf.domain}"
        f"\r\n {verb} {ip} as permitted sender) receiver=protection.outlook.com;"
        f"\r\n client-ip={ip}; helo={arrival.mail.relay.name};"
    )
