"""The sandbox's own API, for the demo and the tests: fix a fault, make a change, let the CRM send, make trouble, count.

None of it exists at a real provider, so it has a server of its own that the pipeline is
never told of.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args

from aiohttp import web
from pydantic import ValidationError

from placement_pipeline.sandbox.post.crm import CrmError, How, MailClient, send_sequence
from placement_pipeline.sandbox.post.mailstore import NoSuchAccountError
from placement_pipeline.sandbox.post.office import PostOffice, UnknownChangeError
from placement_pipeline.sandbox.wire_faults import WireFaults
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.faults import UnknownFaultError
from placement_pipeline.sandbox.world.file import Wire
from placement_pipeline.sandbox.world.truth import describe

_LARGEST_MAIL = 64 * 1024 * 1024


class ControlServer:
    """The routes below ``/_sandbox``.

    Args:
        office: the world in motion.
        faults: the wire's trouble.
        configure: writes the configuration into a folder.
    """

    def __init__(self, office: PostOffice, faults: WireFaults, configure: Callable[[Path], Path]) -> None:
        self._office, self._faults, self._configure = office, faults, configure
        self.app = web.Application(middlewares=[_answer_errors], client_max_size=_LARGEST_MAIL)
        self.app.router.add_get("/_sandbox/health", self._health)
        self.app.router.add_get("/_sandbox/truth", self._truth)
        self.app.router.add_get("/_sandbox/stats", self._stats)
        self.app.router.add_post("/_sandbox/fix", self._fix)
        self.app.router.add_post("/_sandbox/change", self._change)
        self.app.router.add_post("/_sandbox/crm_send", self._crm_send)
        self.app.router.add_post("/_sandbox/stranger_send", self._stranger_send)
        self.app.router.add_get("/_sandbox/mail", self._mail)
        self.app.router.add_post("/_sandbox/wire_fault", self._add_wire_fault)
        self.app.router.add_delete("/_sandbox/wire_fault", self._clear_wire_faults)
        self.app.router.add_post("/_sandbox/revoke", self._revoke)
        self.app.router.add_post("/_sandbox/renumber", self._renumber)
        self.app.router.add_post("/_sandbox/expire_history", self._expire_history)
        self.app.router.add_post("/_sandbox/thin_out", self._thin_out)
        self.app.router.add_post("/_sandbox/configuration", self._write_configuration)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"is_ready": True})

    async def _truth(self, request: web.Request) -> web.Response:
        return web.json_response(describe(self._office.world))

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(statistics(self._office, self._faults))

    async def _fix(self, request: web.Request) -> web.Response:
        body = await _body(request, "subject", "fault")
        self._office.fix(str(body["subject"]), str(body["fault"]))
        return web.json_response({"fixed": body["fault"]})

    async def _change(self, request: web.Request) -> web.Response:
        """Make one of the world's changes, as its people would in the middle of a month."""
        name = str((await _body(request, "name"))["name"])
        self._office.change(name)
        return web.json_response({"changed": name})

    async def _crm_send(self, request: web.Request) -> web.Response:
        body = await _body(request, "mailbox", "contacts")
        contacts, references = body["contacts"], body.get("references") or {}
        if not isinstance(contacts, list) or not all(isinstance(contact, str) for contact in contacts):
            raise _BadRequestError("contacts: must be a list of addresses")
        if not isinstance(references, dict) or not all(isinstance(word, str) for word in references.values()):
            raise _BadRequestError("references: must be words by address")
        sent_count = await send_sequence(
            self._office,
            str(body["mailbox"]),
            contacts,
            how=_choice(body, "how", None, get_args(How)),
            client=_choice(body, "client", "web", get_args(MailClient)),
            copy=_choice(body, "copy", "Bcc", ("Bcc", "Cc")),
            references=references,
        )
        return web.json_response({"sent_count": sent_count})

    async def _stranger_send(self, request: web.Request) -> web.Response:
        """Have a stranger's host hand over mail (``raw``, base64) for each of these accounts."""
        body = await _body(request, "accounts", "raw", "from")
        try:
            raw = base64.b64decode(body["raw"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise _BadRequestError("raw: must be base64") from None
        taken = [
            await self._office.take_from_stranger(self._account(address), raw, str(body["from"]), body.get("folder"))
            for address in body["accounts"]
        ]
        return web.json_response({"folders": [message.folder if message else None for message in taken]})

    async def _mail(self, request: web.Request) -> web.Response:
        """What lies in an account and holds these bytes, oldest first; each message as base64."""
        account = self._account(request.query.get("account", ""))
        messages = self._office.store.messages(account.address)
        return web.json_response(
            [
                {"folder": one.folder, "raw": base64.b64encode(one.raw).decode()}
                for one in messages
                if request.query.get("holding", "").encode() in one.raw
            ]
        )

    async def _add_wire_fault(self, request: web.Request) -> web.Response:
        wire = Wire.model_validate(await _body(request))
        if "latency_ms" in wire.model_fields_set:
            self._faults.latency_ms = wire.latency_ms
        if "gmail_index_seconds" in wire.model_fields_set:
            self._faults.gmail_index_seconds = wire.gmail_index_seconds
        for rule in wire.rules:
            self._faults.add(rule)
        return web.json_response({"added_count": len(wire.rules)})

    async def _clear_wire_faults(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({"cleared": True})

    async def _revoke(self, request: web.Request) -> web.Response:
        """Reset an account's password, or, with ``is_revoked`` false, let its grant be good again."""
        body = await _body(request, "account")
        account = self._account(body["account"])
        account.is_revoked = bool(body.get("is_revoked", True))
        return web.json_response({"is_revoked": account.is_revoked})

    async def _renumber(self, request: web.Request) -> web.Response:
        """Number an IMAP account's messages anew: other UIDs under another UIDVALIDITY."""
        address = str((await _body(request, "account"))["account"])
        self._office.store.renumber(address)
        return web.json_response({"renumbered_count": self._office.store.renumbering_count(address)})

    async def _expire_history(self, request: web.Request) -> web.Response:
        """Let an account forget its changes: Gmail's history and Graph's delta links are too old."""
        self._office.store.forget_changes(self._account((await _body(request, "account"))["account"]).address)
        return web.json_response({"expired": True})

    async def _thin_out(self, request: web.Request) -> web.Response:
        """Take all but the newest ``kept_count`` messages out of every mailbox, sent ones and drafts too."""
        kept_count = (await _body(request, "kept_count"))["kept_count"]
        if not isinstance(kept_count, int) or kept_count < 0:
            raise _BadRequestError("kept_count: must be a number of messages")
        return web.json_response({"removed_count": self._office.store.thin_out(kept_count)})

    def _account(self, address: object) -> Account:
        address = str(address)
        try:
            return self._office.store.accounts[address]
        except KeyError:
            raise NoSuchAccountError(f"no account {address}") from None

    async def _write_configuration(self, request: web.Request) -> web.Response:
        body = await _body(request, "folder")
        return web.json_response({"settings_file": str(self._configure(Path(str(body["folder"]))))})


def statistics(office: PostOffice, faults: WireFaults) -> dict[str, Any]:
    """What the sandbox has counted.

    Returns:
        ``submissions`` (messages taken, by From address), ``crm_submissions`` (those that
        Pipedrive or a rep's own client sent), ``tokens`` (by token of the probe header),
        ``duplicates`` (tokens taken more than once), all over restarts;
        ``calls`` and ``hits`` (calls the wire's rules hit) by operation, since the start.
    """
    tokens = Counter(submission.token for submission in office.submissions if submission.token)
    return {
        "submissions": Counter(submission.from_address for submission in office.submissions),
        "crm_submissions": Counter(
            submission.from_address for submission in office.submissions if submission.via not in ("gmail_api", "graph")
        ),
        "tokens": tokens,
        "duplicates": {token: count for token, count in tokens.items() if count > 1},
        "calls": faults.calls,
        "hits": faults.hits,
    }


class _BadRequestError(Exception):
    """The body is not what the route needs."""


@web.middleware
async def _answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return _error(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except _BadRequestError as error:
        return _error(400, str(error))
    except (UnknownFaultError, UnknownChangeError, NoSuchAccountError) as error:
        return _error(404, str(error))
    except CrmError as error:
        return _error(409, str(error))


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


def _choice(body: dict[str, Any], name: str, otherwise: Any, choices: tuple[Any, ...]) -> Any:
    value = body.get(name, otherwise)
    if value is not otherwise and value not in choices:
        raise _BadRequestError(f"{name}: must be one of {', '.join(choices)}")
    return value


async def _body(request: web.Request, *needed: str) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise _BadRequestError("the body must be a JSON object")
    if missing := [name for name in needed if name not in body]:
        raise _BadRequestError(f"{missing[0]}: is missing")
    return body
