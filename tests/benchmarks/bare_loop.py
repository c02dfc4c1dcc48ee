"""The floor of a month's cost: the provider calls it needs, in bare loops that know no table and no rule.

One call after the other for each mailbox and seed, as many side by side as the pipeline is
allowed, the same limit of calls in flight at Microsoft, the same chunks by IMAP. Nothing is
parsed but what the next call needs, nothing is stored, and no message is rendered.
"""

import asyncio
import base64
import imaplib
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from placement_pipeline.domain.probe import TOKEN_HEADER
from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.settings import Seed, Settings
from tests.benchmarks.worlds import is_at_microsoft

_GETS_AT_ONCE = 10
_ENVELOPES_AT_ONCE, _BODIES_AT_ONCE = 100, 25
_GOOGLE = (ProviderFamily.GMAIL, ProviderFamily.GOOGLE_WORKSPACE)


@dataclass
class BareLoop:
    """Sends one message from each mailbox to each seed, and reads each message once and each seed as often as asked.

    Attributes:
        settings: where the providers are, and who may sign in.
        client: carries the calls.
        html: what is sent.
        calls: made so far, by provider.
    """

    settings: Settings
    client: httpx.AsyncClient
    html: str
    calls: Counter[str] = field(default_factory=Counter)
    _cursors: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = int(time.time()) - 1
        self._graph_gate = asyncio.Semaphore(self.settings.quotas.graph_in_flight)
        self._app_token = ""

    async def send_all(self, addresses: Sequence[str]) -> None:
        """Send from every mailbox, as many mailboxes side by side as the pipeline lets."""
        self._app_token = await self._microsoft_token()
        waiting = iter(addresses)

        async def lane() -> None:
            for address in waiting:
                send = self._graph_sends if is_at_microsoft(address) else self._gmail_sends
                await send(address)

        await asyncio.gather(*(lane() for _ in range(self.settings.pacing.mailboxes_at_once)))

    async def sweep_all(self) -> None:
        """Look into every seed once."""
        await asyncio.gather(*(self._sweeper(seed)(seed) for seed in self.settings.seeds))

    def _sweeper(self, seed: Seed) -> Callable[[Seed], Awaitable[None]]:
        if seed.family in _GOOGLE:
            return self._sweep_gmail
        return self._sweep_imap if seed.family is ProviderFamily.REGIONAL else self._sweep_graph

    async def _gmail_sends(self, address: str) -> None:
        headers = {"authorization": f"Bearer {await self._google_token(self._grant_of(address))}"}
        url = f"{self.settings.endpoints.gmail_api}/gmail/v1/users/me/messages/send"
        for seed in self.settings.seeds:
            raw = (
                f"From: Rep <{address}>\r\nTo: Nora <{seed.address}>\r\nSubject: Hello\r\n{TOKEN_HEADER}: bare\r\n"
                f"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{self.html}"
            )
            await self._call("POST", url, headers, json={"raw": base64.urlsafe_b64encode(raw.encode()).decode()})

    async def _graph_sends(self, address: str) -> None:
        root, headers = f"{self.settings.endpoints.graph_api}/users/{address}", self._graph_headers(self._app_token)
        for seed in self.settings.seeds:
            draft = {
                "subject": "Hello",
                "body": {"contentType": "html", "content": self.html},
                "from": {"emailAddress": {"name": "Rep", "address": address}},
                "toRecipients": [{"emailAddress": {"name": "Nora", "address": seed.address}}],
            }
            made = await self._graph("POST", f"{root}/messages", headers, json=draft)
            await self._graph("POST", f"{root}/messages/{quote(made.json()['id'], safe='')}/send", headers)

    async def _sweep_gmail(self, seed: Seed) -> None:
        secret = self.settings.secrets.seeds[seed.id].refresh_token
        assert secret is not None
        headers = {"authorization": f"Bearer {await self._google_token(secret.get_secret_value())}"}
        root = f"{self.settings.endpoints.gmail_api}/gmail/v1/users/me"
        at = self._cursors.get(seed.id)
        what = f"history?startHistoryId={at}" if at else "profile"
        self._cursors[seed.id] = (await self._call("GET", f"{root}/{what}", headers)).json()["historyId"]
        query = {"q": f"after:{self._started}", "includeSpamTrash": "true", "maxResults": "500"}
        ids: list[str] = []
        while True:
            page = (await self._call("GET", f"{root}/messages", headers, params=query)).json()
            ids += [entry["id"] for entry in page.get("messages", ())]
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
        if at is None:
            gate = asyncio.Semaphore(_GETS_AT_ONCE)

            async def get(message_id: str) -> None:
                async with gate:
                    await self._call("GET", f"{root}/messages/{message_id}", headers, params={"format": "raw"})

            await asyncio.gather(*map(get, ids))

    async def _sweep_graph(self, seed: Seed) -> None:
        secret = self.settings.secrets.seeds[seed.id].refresh_token
        assert secret is not None
        tenant = "consumers" if seed.family is ProviderFamily.OUTLOOK_COM else None
        headers = self._graph_headers(await self._microsoft_token(secret.get_secret_value(), tenant), page=200)
        root = f"{self.settings.endpoints.graph_api}/me"
        ids: list[str] = []
        for folder in ("inbox", "junkemail"):
            link = self._cursors.get(f"{seed.id}/{folder}")
            select = "id,parentFolderId,inferenceClassification,receivedDateTime,from,internetMessageHeaders"
            url = link or f"{root}/mailFolders/{folder}/messages/delta?$select={select}"
            while True:
                page = (await self._graph("GET", url, headers)).json()
                ids += [row["id"] for row in page["value"]]
                if "@odata.deltaLink" in page:
                    break
                url = page["@odata.nextLink"]
            self._cursors[f"{seed.id}/{folder}"] = page["@odata.deltaLink"]
        await asyncio.gather(
            *(self._graph("GET", f"{root}/messages/{quote(one, safe='')}/$value", headers) for one in ids)
        )

    async def _sweep_imap(self, seed: Seed) -> None:
        await asyncio.to_thread(self._read_imap, seed)

    def _read_imap(self, seed: Seed) -> None:
        secret = self.settings.secrets.seeds[seed.id].password
        assert secret is not None
        context = ssl.create_default_context(cafile=str(self.settings.endpoints.ca_bundle))
        with imaplib.IMAP4_SSL(str(seed.imap_host), seed.imap_port, ssl_context=context) as box:
            box.login(seed.address, secret.get_secret_value())
            box.list()
            self.calls["imap"] += 2
            for folder in ("INBOX", "Junk"):
                count = int(box.select(folder, readonly=True)[1][0] or b"0")
                self.calls["imap"] += 1
                begun = self._cursors.setdefault(f"{seed.id}/{folder}", 0)
                for chunk, parts in ((_ENVELOPES_AT_ONCE, "BODY.PEEK[HEADER]"), (_BODIES_AT_ONCE, "BODY.PEEK[]")):
                    for start in range(begun + 1, count + 1, chunk):
                        box.fetch(f"{start}:{min(start + chunk - 1, count)}", f"(UID INTERNALDATE {parts})")
                        self.calls["imap"] += 1
                self._cursors[f"{seed.id}/{folder}"] = count

    def _grant_of(self, address: str) -> str:
        return self.settings.secrets.mailboxes[address].refresh_token.get_secret_value()

    async def _google_token(self, refresh_token: str) -> str:
        secrets = self.settings.secrets
        assert secrets.google_client_secret
        form = {
            "grant_type": "refresh_token",
            "client_id": secrets.google_client_id,
            "client_secret": secrets.google_client_secret.get_secret_value(),
            "refresh_token": refresh_token,
        }
        return await self._token(self.settings.endpoints.google_token, form)

    async def _microsoft_token(self, refresh_token: str | None = None, tenant: str | None = None) -> str:
        secrets, endpoints = self.settings.secrets, self.settings.endpoints
        assert secrets.microsoft_client_secret
        form = {
            "grant_type": "refresh_token" if refresh_token else "client_credentials",
            "client_id": secrets.microsoft_client_id,
            "client_secret": secrets.microsoft_client_secret.get_secret_value(),
            "scope": f"{endpoints.graph_api.removesuffix('/v1.0')}/.default",
            **({"refresh_token": refresh_token} if refresh_token else {}),
        }
        authority = f"{endpoints.microsoft_authority}/{tenant or secrets.microsoft_tenant}"
        return await self._token(f"{authority}/oauth2/v2.0/token", form)

    async def _token(self, url: str, form: dict[str, Any]) -> str:
        self.calls["sign_in"] += 1
        answer = await self.client.post(url, data=form)
        return str(answer.raise_for_status().json()["access_token"])

    @staticmethod
    def _graph_headers(token: str, page: int | None = None) -> dict[str, str]:
        paged = f", odata.maxpagesize={page}" if page else ""
        return {"authorization": f"Bearer {token}", "prefer": f'IdType="ImmutableId"{paged}'}

    async def _graph(self, method: str, url: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        async with self._graph_gate:
            self.calls["graph"] += 1
            return (await self.client.request(method, url, headers=headers, **more)).raise_for_status()

    async def _call(self, method: str, url: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        self.calls["gmail"] += 1
        return (await self.client.request(method, url, headers=headers, **more)).raise_for_status()
