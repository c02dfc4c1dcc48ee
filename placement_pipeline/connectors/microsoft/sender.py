"""A rep's mailbox at Microsoft, through Graph, as something that sends.

How a call is made is in ``wire``; what a mailbox has received or sent before, in
``history`` and ``bounces``; seeds are in ``seed``.
"""

import contextlib
from contextlib import aclosing
from datetime import datetime
from typing import Any

import httpx

from placement_pipeline.connectors import http
from placement_pipeline.connectors.errors import ReadError, SignInError
from placement_pipeline.connectors.mail import (
    AbsentFromSent,
    Accepted,
    Fence,
    FoundSent,
    LookUp,
    LookUpFailed,
    OutcomeUnknown,
    ProvenUnsent,
    Refused,
    Scopes,
    SendOutcome,
)
from placement_pipeline.connectors.microsoft.errors import is_refusal, judge_send
from placement_pipeline.connectors.microsoft.permissions import SEND_AND_READ, judge_permissions, prove_permissions
from placement_pipeline.connectors.microsoft.wire import (
    AppPausedError,
    GraphWire,
    found,
    message_path,
    moment_text,
)
from placement_pipeline.connectors.probe_shapes import UnsendableProbeError, build_draft, read_token
from placement_pipeline.domain import clocks
from placement_pipeline.domain.message import read_header
from placement_pipeline.domain.probe import TOKEN_HEADER, OutgoingProbe
from placement_pipeline.domain.sends.refusals import RefusalCode

_RETRY_SECONDS = 60.0


class GraphSender:
    """A rep's mailbox at Microsoft, as something that sends (``mail.Sender``).

    A send is a draft with an id that lasts, and then the call that sends it: whatever
    happens to that call, the id tells later whether the message went out.

    Args:
        wire: bound to the mailbox; Mail.ReadWrite and Mail.Send.
    """

    def __init__(self, wire: GraphWire) -> None:
        self._wire = wire

    async def make_ready(self) -> None:
        """As ``mail.Sender.make_ready``."""
        await self._wire.make_ready()

    async def send(self, probe: OutgoingProbe, fence: Fence) -> SendOutcome:
        """As ``mail.Sender.send``."""
        try:
            drafted = await self._wire.send_once("messages.create", "POST", "/messages", build_draft(probe))
        except UnsendableProbeError as error:
            return Refused(RefusalCode.MESSAGE_REJECTED, str(error))
        except ReadError as error:
            return _not_begun(error)
        if isinstance(drafted, http.NothingWritten):
            return Refused(RefusalCode.PROVIDER_DOWN, f"Graph: {drafted.detail}", retry_after_seconds=_RETRY_SECONDS)
        if isinstance(drafted, http.NoAnswer):
            return _draft_unknown(drafted.detail)
        if not drafted.is_success:
            return judge_send(drafted) if is_refusal(drafted) else _draft_unknown(f"HTTP {drafted.status_code}")
        try:
            draft = http.parse_json(drafted.content)
            draft_id, internet_message_id = draft["id"], draft.get("internetMessageId")
        except (ValueError, LookupError, TypeError):
            return _draft_unknown("the answer names no draft")
        if not isinstance(draft_id, str) or not isinstance(internet_message_id, str | None):
            return _draft_unknown("the answer names no draft")
        return await self._send_draft(draft_id, internet_message_id, fence)

    async def look_up(self, token: str, to_address: str, draft_id: str | None, since: datetime) -> LookUp:
        """As ``mail.Sender.look_up``: the draft's own id tells.

        A draft that did not go out is removed, as far as that succeeds: the next send makes
        another, and the mailbox is left as it was. Without a draft id nothing was ever sent,
        but a draft may have been made whose answer was lost.
        """
        since -= clocks.LOOKED_UP_BEFORE
        if draft_id is None:
            await self._remove_strays(token, to_address, since)
            return ProvenUnsent()
        try:
            select = {"$select": "id,isDraft,internetMessageId"}
            response = await self._wire.read("messages.get", message_path(draft_id), select)
            if response.status_code == httpx.codes.NOT_FOUND:
                return await self._find_sent(token, to_address, since)
            message = found(response, self._wire.who)
            with http.understood(self._wire.who):
                if not message["isDraft"]:
                    return FoundSent(draft_id, message.get("internetMessageId"))
            await self._remove(draft_id)
        except (ReadError, SignInError) as error:
            return LookUpFailed(str(error))
        return ProvenUnsent()

    async def prove(self) -> str:
        """As ``mail.Sender.prove``: the drafts open, and the token says what it says of its permissions.

        Nothing is written, so whether an application may send shows with certainty at the first send.
        """
        who = self._wire.who
        found(await self._wire.read("mailFolders.get", "/mailFolders/drafts", {"$select": "id"}), who)
        return f"the mailbox opens{prove_permissions(await self._wire.claims(), SEND_AND_READ, who)}"

    async def scopes(self) -> Scopes | None:
        """As ``mail.ScopedGrant.scopes``; a personal account's token does not tell."""
        return judge_permissions(await self._wire.claims(), SEND_AND_READ)

    async def _send_draft(self, draft_id: str, internet_message_id: str | None, fence: Fence) -> SendOutcome:
        path = f"{message_path(draft_id)}/send"
        try:
            answer = await self._wire.send_once("messages.send", "POST", path, fence=lambda: fence(draft_id))
        except ReadError as error:
            await self._remove(draft_id)
            return _not_begun(error)
        match answer:
            case http.NothingWritten(detail):
                refusal = Refused(RefusalCode.PROVIDER_DOWN, f"Graph: {detail}", retry_after_seconds=_RETRY_SECONDS)
            case http.NoAnswer(detail):
                return OutcomeUnknown(f"Graph: {detail}")
            # No other success is documented (https://learn.microsoft.com/graph/api/message-send): something between
            # us and Graph may have answered.
            case httpx.Response(status_code=httpx.codes.ACCEPTED):
                return Accepted(draft_id, internet_message_id)
            case _ if not is_refusal(answer):
                return OutcomeUnknown(f"Graph: HTTP {answer.status_code} to the send")
            case _:
                refusal = judge_send(answer)
        await self._remove(draft_id)
        return refusal

    async def _find_sent(self, token: str, to_address: str, since: datetime) -> LookUp:
        window = f"sentDateTime ge {moment_text(since)}"
        for row in await self._carrying("sentitems", token, to_address, window, most=1):
            return FoundSent(row["id"], row.get("internetMessageId"))
        return AbsentFromSent()

    async def _remove_strays(self, token: str, to_address: str, since: datetime) -> None:
        """Leave no draft behind whose id was never learnt; where that fails, nothing went out all the same."""
        with contextlib.suppress(ReadError, SignInError):
            window = f"createdDateTime ge {moment_text(since)}"
            for row in await self._carrying("drafts", token, to_address, window):
                await self._remove(row["id"])

    async def _carrying(
        self, folder: str, token: str, to_address: str, window: str, most: int | None = None
    ) -> list[dict[str, Any]]:
        """The messages of a folder of the mailbox's own that carry the token, the first ``most`` of them.

        Graph shows no headers of what a mailbox wrote itself, but keeps them in the MIME content
        (https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3025). What goes to a seed is
        a probe and little else, so that content is read.
        """
        params = {"$filter": window, "$select": "id,internetMessageId,toRecipients", "$top": "100"}
        carrying: list[dict[str, Any]] = []
        async with aclosing(self._wire.pages("messages.list", f"/mailFolders/{folder}/messages", params)) as pages:
            async for rows in pages:
                with http.understood(self._wire.who):
                    candidates = [row for row in rows if to_address.lower() in _recipients(row)]
                for row in candidates:
                    if await self._token_of(row["id"]) == token:
                        carrying.append(row)
                    if len(carrying) == most:
                        return carrying
        return carrying

    async def _token_of(self, message_id: str) -> str | None:
        response = await self._wire.read("messages.value", f"{message_path(message_id)}/$value")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        fields = read_header(response.content)
        return read_token(next((one.value for one in fields if one.name == TOKEN_HEADER.lower()), None))

    async def _remove(self, draft_id: str) -> None:
        """Leave no draft behind in a rep's mailbox; where that fails, the answer to the send still counts."""
        with contextlib.suppress(ReadError, SignInError):
            await self._wire.send_once("messages.delete", "DELETE", message_path(draft_id), tidies_up=True)


def _not_begun(error: ReadError) -> Refused:
    """What stopped a call before it was made: nothing went out."""
    if isinstance(error, AppPausedError):
        return Refused(RefusalCode.THROTTLED, str(error), retry_after_seconds=error.pause_seconds)
    return Refused(RefusalCode.PROVIDER_DOWN, str(error), retry_after_seconds=_RETRY_SECONDS)


def _draft_unknown(detail: str) -> OutcomeUnknown:
    """A draft never sends itself, so nothing went out; but one may lie there, which the look-up removes."""
    return OutcomeUnknown(f"Graph: whether a draft was made is not known ({detail})")


def _recipients(row: dict[str, Any]) -> set[str]:
    return {str(one["emailAddress"].get("address", "")).lower() for one in row.get("toRecipients") or ()}
