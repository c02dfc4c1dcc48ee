"""The sending side: how Google and Microsoft hand a message over, with their own hops and a real DKIM signature.

What happens to it at the other end is in the receivers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Literal

import dkim

from placement_pipeline.sandbox.post.message_fields import addresses, is_named, join_fields, split_fields
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.faults import Faults
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.keys import KeyRing, signing_names
from placement_pipeline.sandbox.world.past import SentBefore, derive
from placement_pipeline.sandbox.world.provider_networks import Relay, google_relay, microsoft_relay

_SIGNED = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
_PACIFIC = timezone(timedelta(hours=-8), "PST")
_PROJECTS = {"gmail_api": "617203984410", "pipedrive": "442788153210"}
"""Numbers of the Google Cloud projects that use Gmail's API: the pipeline's own, and Pipedrive's."""

Via = Literal["gmail_api", "graph", "pipedrive", "web", "mail_program"]
"""By what a message was handed in: an API, through which Pipedrive goes too, or one of a rep's own clients."""


@dataclass(frozen=True, slots=True)
class InTransit:
    """A message between two providers.

    Attributes:
        id: of the submission.
        raw: signed, with the sender's hops.
        from_address: the address in From.
        envelope_from: the address in MAIL FROM.
        relay: the host that hands it over.
        history: what receivers have seen of this sender before.
    """

    id: str
    raw: bytes
    from_address: str
    envelope_from: str
    relay: Relay
    history: SentBefore


class Outbound:
    """Signs and dispatches what accounts send."""

    def __init__(self, world: World, faults: Faults, keys: KeyRing) -> None:
        self._world = world
        self._faults = faults
        self._keys = keys

    def dispatch(self, submission_id: str, account: Account, raw: bytes, at: datetime, via: Via) -> InTransit:
        """Make a message ready for the receiving side.

        Args:
            submission_id: decides host and hop ids, so that a second try looks like the first.
            account: who sends.
            raw: as it left the mailbox.
            at: aware; when it left.
            via: by what it was handed in.
        """
        fields, body = split_fields(raw)
        from_address = addresses(fields, "From")[0]
        is_google = account.hosted_at == "google"
        signed = self._sign(fields, body, from_address)
        if is_google:
            relay = google_relay(submission_id)
            hops = _google_hops(submission_id, relay, at, via)
            # Send-as and alias domains keep the account in the envelope: the alias's SPF is never asked.
            envelope_from = account.address
        else:
            relay = microsoft_relay(submission_id)
            hops = _microsoft_hops(submission_id, from_address, at, via)
            envelope_from = from_address
        raw = b"\r\n".join((*hops, signed))
        return InTransit(submission_id, raw, from_address, envelope_from, relay, account.history)

    def _sign(self, fields: list[bytes], body: bytes, from_address: str) -> bytes:
        raw = join_fields(fields, body)
        present = [signed.encode() for signed in _SIGNED if any(is_named(field, signed) for field in fields)]
        signatures: list[bytes] = [
            dkim.DKIM(raw).sign(
                name.selector.encode(),
                name.domain.encode(),
                self._keys.private_key(name),
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=present,
            )
            for name in signing_names(self._world.domain_of(from_address), self._faults)
        ]
        return b"".join(signatures) + raw


def _google_hops(submission_id: str, relay: Relay, at: datetime, via: Via) -> list[bytes]:
    date = format_datetime(at.astimezone(_PACIFIC))
    smtp_id = derive("smtp", submission_id, length=32)
    hops = [
        f"Received: by {relay.name} with SMTP id {smtp_id}.1;\r\n        {date} (PST)",
        f"X-Gm-Message-State: AOJu0Y{derive('state', submission_id, length=40)}",
        f"X-Received: by 2002:a05:6402:2708:b0:{smtp_id[:3]}:{smtp_id[3:7]} with SMTP id\r\n {smtp_id[:20]}mr1.1;"
        f" {date} (PST)",
    ]
    if via == "mail_program":
        hops.append(
            "Received: from smtpclient.apple (host.broadband.example. [198.51.100.130])\r\n"
            f"        by smtp.gmail.com with ESMTPSA id {smtp_id[:24]}.46\r\n"
            f"        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);\r\n        {date} (PST)"
        )
    elif via in _PROJECTS:
        hops.append(
            f"Received: from {_PROJECTS[via]} named unknown by gmailapi.google.com with HTTPREST;\r\n        {date}"
        )
    # On the web and in Gmail's own apps nothing more is written: the message begins at Google.
    return [hop.encode() for hop in hops]


def _microsoft_hops(submission_id: str, from_address: str, at: datetime, via: Via) -> list[bytes]:
    server = derive("server", submission_id, length=8).upper()
    host = f"AM0PR07MB{int(server, 16) % 9000 + 1000}.eurprd07.prod.outlook.com"
    date = format_datetime(at)
    domain = from_address.rpartition("@")[2]
    hops = [
        f"Received: from {host} ([fe80::1])\r\n by {host} ([fe80::1%4]) with mapi id 15.20.8158.014;\r\n {date}",
        # What Exchange Online leaves in mail that goes out: it looks like a receiver's verdict and is none.
        f"authentication-results: dkim=none (message not signed)\r\n header.d=none;dmarc=none action=none"
        f" header.from={domain};",
        f"x-ms-exchange-crosstenant-id: {derive('tenant', domain, length=32)}",
        f"x-originatororg: {domain}",
    ]
    if via == "mail_program":
        door = f"AM0PR01CA{int(server, 16) % 100:04}.eurprd01.prod.outlook.com"
        hops += [
            f"X-ClientProxiedBy: {door} (2603:10a6:208::11) To\r\n {host} (2603:10a6:208::13)",
            f"Received: from smtpclient.apple (198.51.100.130) by\r\n {door} (2603:10a6:208::11) with Microsoft SMTP"
            f" Server (version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.8158.14 via Frontend"
            f" Transport;\r\n {date}",
        ]
    # Outlook, Outlook on the web and Graph leave the same lines.
    return [hop.encode() for hop in hops]
