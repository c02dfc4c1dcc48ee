"""What refusing hosts say in words, and the reason each way of saying it gives.

A phrase is here because a standard, a provider's page or a mail server's manual has it and tells
what it means. What several mean differently (``access denied``, ``relaying denied``, ``rejected``,
a connection that is dropped) decides nothing. Patterns are held against some hundred characters in lower case.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """A way of saying why.

    Attributes:
        reason_code: a key of ``missing_reasons.REASONS``.
        source: who says so.
        pattern: in lower case.
    """

    reason_code: str
    source: str
    pattern: re.Pattern[str]


def _phrase(reason_code: str, source: str, *patterns: str) -> Phrase:
    return Phrase(reason_code, source, re.compile("|".join(patterns)))


# Up to the end of a sentence or of a clause; the dots of an IP address end neither.
_GAP = r"(?:[^.:;]|\.(?! )){0,60}?\b"
_MAILBOX = r"(?:mail ?box|in-?box|account|user|recipient|addressee|(?<!ip )address|maildir|mail ?folder|mail ?drop)"

PLAIN = (
    _phrase(
        "seed_closed",
        "Microsoft, Exchange: delivery restrictions of the recipient; 5.7.133 to 136",
        r"resolver\.rst\.(?:auth|notauth|sendernot)",
        r"not in allowed-senders",
    ),
    _phrase(
        "seed_unknown",
        "Microsoft, NDRs in Exchange Online: 5.4.1, 5.7.504 and 5.7.505, there is no such address; Postfix, access(5)",
        r"recipient address(?:es)? rejected ?: ?access denied",
        r"banned recipient",
    ),
    _phrase(
        "bounced_authentication",
        "RFC 7208 section 8.4; RFC 6376; RFC 9989; RFC 7372; Google, Gmail SMTP errors: 5.7.26; Yahoo; Apple; Tencent",
        r"\bdmarc\b",
        r"\bspf\b|sender policy framework",
        r"\bdkim\b",
        r"unauthenticated|authentication checks? failed",
        r"mismatch\w* client ip",
    ),
    _phrase(
        "bounced_authentication",
        "RFC 7372 section 3.3: 5.7.25; Postfix, reject_unknown_client_hostname; Sendmail, require_rdns; Comcast",
        r"(?:reverse|inverse)[- ](?:dns|lookup|name|hostname|map)|\breversedns\b",
        r"\br-?dns\b|\bptr\b",
        r"cannot find your (?:reverse )?hostname",
        r"ip name (?:lookup failed|possibly forged)",
    ),
    _phrase(
        "bounced_sender",
        "Microsoft: 5.1.8, 5.1.90, 5.2.2 (submission quota); Google, Gmail SMTP errors: 5.4.5, 5.7.1 (quota); "
        "Amazon SES; Postfix, reject_unknown_sender_domain; Exim, verify = sender; qmail",
        r"\bsender(?:'s|s)? (?:\w+ ){0,3}(?:rejected|denied|refused|unknown|invalid|banned|blocked)",
        r"\bsender(?:'s|s)? (?:\w+ ){0,3}not (?:allowed|found|verified)",
        r"\bsender verif\w+ fail|\bverify sender\b",
        r"(?:unroute?able|invalid|bad|banned|forged|unknown) (?:outbound )?sender",
        r"(?:sender(?:'s|s)?|from|return) (?:address|domain)"
        + _GAP
        + r"(?:not exist|\w+n't exist|not resolve|null mx|no mx|invalid)",
        r"domain of sender address|from: domain is invalid",
        r"your (?:\w+ )?(?:account|mailbox)" + _GAP + r"(?:suspended|disabled|blocked|locked|restricted|banned)",
        r"submission quota|e-?mail quota|daily (?:\w+ ){0,3}(?:quota|limit)",
        r"send(?:ing)? mail as\b",
        r"e-?mail address is not verified",
    ),
    _phrase(
        "seed_unreachable",
        "Google, Gmail SMTP errors: 4.2.1 and 5.2.1, who receives more than it may; Microsoft: 4.3.2 and 5.2.122",
        r"receiving (?:e-?mail|mail|messages) (?:at a rate|too (?:quickly|fast))",
        r"receive limit exceeded|recipient thread limit",
    ),
    _phrase("seed_full", "web.de, in its own words", r"too many (?:messages|mails) (?:on|in)\b"),
    _phrase(
        "bounced_policy",
        "RFC 5782; Spamhaus; SpamCop; Barracuda; Yahoo, SMTP error codes: TSS04; Microsoft: 5.7.501 to 649; GoDaddy; "
        "Tencent",
        r"(?:black|block|deny)[- ]?list",
        r"\b(?:rbl|dnsbl|uribl|surbl)s?\b",
        r"spamhaus|spamcop|barracudacentral|\bsorbs\b|ipcheck\.proofpoint",
        r"reputation|complaint|unsolicited",
        r"\b(?:anti-?)?spam(?![\w-]*\.[a-z])",
        r"banned sending ip",
        r"too many (?:recipients|messages|mails|e-?mails|connections|concurrent|sessions)\b",
        r"\bsen(?:d|ds|ding|t) too (?:fast|quickly|many|much)",
        r"(?:recipients|messages|mails|e-?mails) (?:per|an|a|this|in one) (?:minute|hour|day)",
        r"(?:connection|sending|message|mail|ip) ?(?:rate|frequency)\b" + _GAP + r"(?:limit|exceed)",
        r"\brate ?limit(?:s|ed|ing)?\b|throttl",
        r"\b(?:ip|client|host|network)(?: address)?\b" + _GAP + r"(?:blocked|banned)",
    ),
    _phrase(
        "seed_full",
        "RFC 5321 section 4.2.3: 552; Google, Gmail SMTP errors: 4.2.2 and 5.2.2; Apple; Exim, quota; vpopmail",
        r"(?:mail ?box|in-?box|account|maildir|mail ?folder|disk|storage)\b" + _GAP + r"(?:full|exceed(?:s|ed)?)\b",
        _MAILBOX + r"\b" + _GAP + r"(?:over ?quota|out of (?:storage|space))",
        r"(?:\bover|reached|beyond) (?:\w+ ){0,2}quota|overdrawn",
        r"quota(?: \w+)? (?:is )?(?:full|exceeded|violation)|exceed\w* (?:\w+ ){0,3}(?:quota|storage)",
        r"(?:insufficient|not enough|not have enough|no more|out of) (?:\w+ )?(?:disk|storage|space)",
        r"(?:full (?:mail ?box|in-?box)|(?:mail ?box|user) (?:is )?full)\b",
    ),
    _phrase(
        "bounced_message",
        "RFC 1870 section 6; Exim, message_size_limit; Microsoft: 5.3.4; Google, Gmail SMTP errors: 5.3.4",
        r"message (?:\w+ ){0,2}size (?:\w+ ){0,2}(?:exceed|limit|too)",
        r"exceed\w* (?:\w+ ){0,4}(?:size|length)",
        r"message (?:is )?too (?:large|big|long)",
    ),
    _phrase(
        "seed_closed",
        "RFC 7504; RFC 7505; Google, Gmail SMTP errors: 5.2.1; Yahoo, SMTP error codes: 554 30; Apple; La Poste; "
        "Exchange",
        _MAILBOX
        + r"\b"
        + _GAP
        + r"(?:disabled|de-?activated|inactive|suspended|frozen|locked|expired|closed|blocked|not active|discontinued"
        r"|no longer active|not (?:currently )?accept(?:ing)? (?:any )?(?:e-?)?(?:mail|messages))",
        r"(?:disabled|de-?activated|inactive|suspended|frozen|locked|closed) (?:\w+ )?" + _MAILBOX,
        r"null ?mx|indicated no smtp service|host does not accept mail",
        r"(?:does(?: not|n't) receive|not accepting|no longer accepts) (?:e-?)?mail",
        r"unavailable to take delivery|has moved to\b",
    ),
    _phrase(
        "seed_unknown",
        "RFC 5321 section 4.2.3: 550, 551, 553; X.411; Microsoft: 5.1.1, 5.1.10; Google, Gmail SMTP errors: 5.1.1; "
        "Yahoo: 554 dd; Postfix, local_recipient_maps; Sendmail; Exim; Domino; IMail; Cisco, recipient access table; "
        "La Poste",
        r"(?:user|recipient|rcpt|mail ?box|addressee|account|(?<!ip )address|alias)(?:s|\(s\))?\b"
        + _GAP
        + r"(?:unknown|nonexistent|invalid|not (?:found|exist|known|recogni[sz]ed|listed|registered|valid|a valid)"
        r"|not be found|\w+n't (?:exist|be found)|no longer (?:exist|valid|in use|available|at|here))",
        r"(?:unknown|invalid|no such|non-?existent|bad|no valid|not a valid|not a known|undefined) (?:[\w-]+ ){0,2}"
        r"(?:users?|user ?id|recipients?|mail ?box(?:es)?|addressee|accounts?|(?<!ip )address(?:es)?|alias|person)\b",
        r"no (?:mail ?box|user|account) (?:here|by|with|found|available)",
        r"unroute?able address|#5\.1\.0 address rejected",
        r"(?:doesn't|does not) have an? \S+ account",
        r"not listed in (?:\w+ )?(?:domino|name & address|public)",
        r"ディレクトリ.{0,12}(?:見つかりません|ありません)",
        r"recip(?:ient)?notfound|bad_recipient|unrecogni[sz]ed-or-?name|recipient name (?:is )?not recogni[sz]ed",
        r"ambiguous (?:address|recipient|user|name)|not unique",
        r"(?:destinataire|utilisateur|adresse|usuario|destinat[aá]rio|utente|benutzer|empfänger|postfach)\b"
        + _GAP
        + r"(?:inconnu|invalide|n'existe pas|desconocid|no existe|desconhecid|não existe|sconosciut|unbekannt"
        r"|existiert nicht)",
    ),
    _phrase(
        "seed_unknown",
        "Microsoft: 5.5.0 at Outlook.com and Hotmail, the address is not found; GMX, in its own words",
        r"\b55\d\b.{0,60}mailbox unavailable",
    ),
)
"""What is said so plainly that it wins over any code: systems put 5.1.1 and 5.7.1 before anything."""

HINTS = (
    _phrase(
        "bounced_sender",
        "RFC 4954 section 6: 530 5.7.0, whoever submits is to sign in",
        r"authentication (?:is )?required|smtp authentication|without authentication",
    ),
    _phrase(
        "bounced_message",
        "RFC 1870; RFC 5322; Microsoft: 5.6.11, 5.7.512; Google, Gmail SMTP errors: 5.7.0 (attachments)",
        r"(?:message|mail|attachment|header|line|body)s?\b"
        + _GAP
        + r"(?:too (?:large|big|long)|size|length|line limit)",
        r"size limit|line limit|maximum (?:\w+ )?size",
        r"virus|malware|infected",
        r"(?:banned|forbidden|prohibited|blocked|dangerous) (?:\w+ )?(?:attachment|file|extension)",
        r"bare (?:lf|line ?feed|cr)|\brfc ?-?(?:822|2822|5322)\b",
        r"(?:missing|malformed|invalid|duplicate) (?:\w+ )?(?:header|message-?id|date)",
    ),
    _phrase(
        "bounced_policy",
        "RFC 3463 section 3.8: 5.7.0 and 5.7.1 without the code; Postfix, access(5); Exim; Mimecast; Orange; T-Online",
        r"\bpolic(?:y|ies)\b|administrative(?:ly)? prohibi|message filtered",
        r"(?:client host|helo command) rejected",
        r"(?:ip|host|client|network|server|isp|messages?|mail)\b" + _GAP + r"(?:blocked|banned|not allowed|prohibited)",
        r"messages from" + _GAP + r"weren't sent|blocked (?:by|for|using)\b",
        r"(?:not|n't) (?:allowed|authori[sz]ed|permitted) to (?:send|connect)",
        r"gr[ae]y-?list|\bofr\d{0,3}_506|invalid ip for sending|\bip=\S{1,60} - a problem occurred",
    ),
    _phrase(
        "seed_unknown",
        "RFC 5321 section 4.2.3: 550 in answer to RCPT TO",
        r"recipient (?:address )?(?:was )?rejected\.?(?: \(|$)",
    ),
    _phrase(
        "seed_unreachable",
        "RFC 5321 section 5.1, and 4.2.3: 421, 451, 452; Exim, Postfix, Sendmail, qmail and Gmail of hosts they do "
        "not reach",
        r"(?:host|domain|server|mx|name service|name server)s?\b"
        + _GAP
        + r"(?:not (?:found|exist|reachable|respond|known)|\w+n't exist|unknown|unreachable|unavailable|been failing"
        r"|lookup (?:fail|err)|not accept our requests|nxdomain)",
        r"(?:unknown|no such|invalid) (?:host|domain)|unroute?able mail domain|find (?:any host|a gateway)",
        r"name service error|service not known|dns (?:error|lookup|failure)|nxdomain|no mx\b|network error",
        r"connect(?:ion|ing)?\b" + _GAP + r"(?:refused|timed? ?out|timeout|reset|lost|failed)",
        r"(?:operation|conversation|session|greeting) (?:with \S{1,250} )?timed? ?out",
        r"(?:unable|could not|couldn't|cannot|failed) (?:to )?(?:connect|contact|reach|route|resolve)",
        r"no route to host|network is unreachable|socket error|no answer from host|not responding|bad connection",
        r"hop count|too many hops|routing loop|mail loop|message looping|loops back",
        r"(?:internal|system|local|configuration) (?:server )?(?:error|problem)|error in processing",
        r"insufficient (?:system )?resources|service (?:is )?(?:currently |temporarily )?unavailable",
        r"mailer error|pipe to \||command (?:died|failed|time)|can(?:not|'t) (?:create|open|write|append)",
    ),
)
"""What decides where neither a plain phrase nor a code has."""
