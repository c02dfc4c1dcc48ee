"""A rep's mailbox at Google, as something that sends: a probe out, and what became of one found out.

How a call is made is in ``wire``. What lands in a seed is in ``seed``, what a
mailbox sent before in ``history``, what came back to it in ``bounces``.
"""

import base64
from datetime import datetime
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.google.errors import judge_send
from placement_pipeline.connectors.google.query import addressed, after
from placement_pipeline.connectors.google.wire import GmailWire, header_values
from placement_pipeline.connectors.mail import (
    AbsentFromSent,
    Accepted,
    Fence,
    FoundSent,
    LookUp,
    LookUpFailed,
    OutcomeUnknown,
    Refused,
    Scopes,
    SendOutcome,
)
from placement_pipeline.connectors.probe_shapes import UnsendableProbeError, build_email, read_token
from placement_pipeline.domain import clocks
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe
from placement_pipeline.domain.sends.refusals import RefusalCode

_RETRY_SECONDS = 60.0
_GETS_AT_ONCE = 10


class GmailSender:
    """A rep's mailbox at Google, as something that sends (``mail.Sender``).

    Args:
        wire: bound to the mailbox; scopes gmail.send, and gmail.readonly for ``look_up``.
    """

    def __init__(self, wire: GmailWire) -> None:
        self._wire = wire

    async def make_ready(self) -> None:
        """As ``mail.Sender.make_ready``."""
        await self._wire.make_ready()

    async def send(self, probe: OutgoingProbe, fence: Fence) -> SendOutcome:
        """As ``mail.Sender.send``; Gmail's send has no draft."""
        try:
            message = build_email(probe, self._wire.now())
        except UnsendableProbeError as error:
            return Refused(RefusalCode.MESSAGE_REJECTED, str(error))
        raw = base64.urlsafe_b64encode(message.as_bytes()).decode()
        try:
            sending = self._wire.messages.send(userId="me", body={"raw": raw})
            answer = await self._wire.send_once(sending, lambda: fence(None))
        except ReadError as error:
            return Refused(RefusalCode.PROVIDER_DOWN, str(error), retry_after_seconds=_RETRY_SECONDS)
        match answer:
            case http.NothingWritten(detail):
                return Refused(RefusalCode.PROVIDER_DOWN, f"Gmail: {detail}", retry_after_seconds=_RETRY_SECONDS)
            case http.NoAnswer(detail):
                return OutcomeUnknown(f"Gmail: {detail}")
            case httpx.Response() if answer.is_success:
                message_id = _id_of(answer)
                return Accepted(message_id) if message_id else OutcomeUnknown("Gmail: the answer names no message")
            case _:
                return judge_send(answer)

    async def look_up(self, token: str, to_address: str, draft_id: str | None, since: datetime) -> LookUp:
        """As ``mail.Sender.look_up``: reads the token of every message in Sent to this address since then.

        Search lists a message some seconds after it was taken: wait before asking. Only a
        listing read to its end shows absence.
        """
        try:
            with http.understood(self._wire.who):
                since -= clocks.LOOKED_UP_BEFORE
                return await self._find_sent(token, f"{addressed('to', to_address)} {after(since)}")
        except (ReadError, SignInError) as error:
            return LookUpFailed(str(error))

    async def prove(self) -> str:
        """As ``mail.Sender.prove``."""
        return await self._wire.prove()

    async def scopes(self) -> Scopes | None:
        """As ``mail.ScopedGrant.scopes``."""
        return await self._wire.scopes()

    async def _find_sent(self, token: str, query: str) -> LookUp:
        ids = await self._wire.list_ids(labelIds=["SENT"], q=query, includeSpamTrash=True)
        for start in range(0, len(ids), _GETS_AT_ONCE):
            chunk = ids[start : start + _GETS_AT_ONCE]
            for sent in await http.together(self._metadata(message_id) for message_id in chunk):
                headers = header_values(sent)
                if read_token(headers.get(TOKEN_HEADER.lower())) == token:
                    return FoundSent(sent["id"], headers.get("message-id"))
        return AbsentFromSent()

    async def _metadata(self, message_id: str) -> dict[str, Any]:
        return await self._wire.read(
            self._wire.messages.get(
                userId="me", id=message_id, format="metadata", metadataHeaders=[TOKEN_HEADER, "Message-ID"]
            )
        )


def _id_of(answer: httpx.Response) -> str | None:
    try:
        message_id = http.parse_json(answer.content)["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return message_id if isinstance(message_id, str) else None
