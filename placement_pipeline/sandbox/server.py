"""The running sandbox: opens the world, starts every server on loopback, stops them all.

Ports are free ones at the first start and the same again after a restart of the same
state directory, so that a configuration once written stays true.
"""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import trustme
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from placement_pipeline.sandbox import configuration
from placement_pipeline.sandbox.configuration import SandboxEndpoints
from placement_pipeline.sandbox.control import ControlServer
from placement_pipeline.sandbox.dns_server import DnsServer
from placement_pipeline.sandbox.google import tokens as google_tokens
from placement_pipeline.sandbox.google.gmail import GoogleServer
from placement_pipeline.sandbox.google.tokens import GoogleTokens
from placement_pipeline.sandbox.imap.server import ImapServer
from placement_pipeline.sandbox.imap.tokens import ImapTokens
from placement_pipeline.sandbox.microsoft.certificate import open_certificate
from placement_pipeline.sandbox.microsoft.graph import GraphServer
from placement_pipeline.sandbox.microsoft.tokens import MicrosoftTokens
from placement_pipeline.sandbox.pipedrive import PipedriveServer
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.wire_faults import WireFaults
from placement_pipeline.sandbox.world.file import World

_HOST = "127.0.0.1"
_SERVICES = ("google", "graph", "authority", "pipedrive", "control", "imap", "imap_starttls", "dns")


class Sandbox:
    """A world with all its servers. Use ``start`` and ``stop`` in a loop, or ``run_in_thread``.

    Args:
        world: the file as read.
        state: where the world remembers what happened; made if it is not there.
        ports: by service (google, graph, authority, pipedrive, control, imap, imap_starttls,
            dns); those that are not given are those of the last start, or free ones.

    Attributes:
        office: the world in motion; valid after ``start``, to be touched in its own loop only.
        faults: the wire's trouble.
        pipedrive: its API, whose limits can be planted; valid after ``start``.
        endpoints: valid after ``start``.
        graph: Graph's server.
        microsoft: Microsoft's authority.
        app_certificate: private key and certificate by which the application signs in there, PEM.
    """

    office: PostOffice
    faults: WireFaults
    pipedrive: PipedriveServer
    endpoints: SandboxEndpoints
    graph: GraphServer
    microsoft: MicrosoftTokens
    app_certificate: Path

    def __init__(self, world: World, state: Path, ports: dict[str, int] | None = None) -> None:
        self._world, self._state = world, state
        self._ports = _remembered_ports(state) | (ports or {})
        self._given = frozenset(ports or ())
        self._runners: list[web.AppRunner] = []
        self._folder: Path | None = None

    async def start(self) -> Self:
        """Start everything.

        Raises:
            WorldError: the state directory belongs to another world.
            OSError: a port that was asked for is taken.
        """
        self._state.mkdir(parents=True, exist_ok=True)
        self.office = PostOffice.open(self._world, self._state)
        self.faults = WireFaults(self._world.wire)
        context, ca_bundle = _tls(self._state)
        api_context = context if self._world.wire.is_tls else None
        store = self.office.store
        self._key = _service_account_key(self._state)
        await self.office.start()
        self._dns = DnsServer(self.office.zones)
        await self._start_dns()
        tokens = GoogleTokens(store, self._key)
        google = GoogleServer(self.office, tokens, self.faults).app
        ImapTokens(store).add_routes(google)
        await self._serve("google", google, api_context)
        self.graph = GraphServer(self.office, self.faults)
        await self._serve("graph", self.graph.app, api_context)
        self.app_certificate = self._state / "microsoft_app.pem"
        self.microsoft = MicrosoftTokens(store, self.faults, open_certificate(self.app_certificate))
        await self._serve("authority", self.microsoft.app, context)
        self.pipedrive = PipedriveServer(self.office, self.faults)
        await self._serve("pipedrive", self.pipedrive.app)
        self.office.watch(self._rewrite_team_files)
        await self._serve("control", ControlServer(self.office, self.faults, self.write_configuration).app)
        self._imap = ImapServer(store, self.faults, context, self._world.seeds)
        await self._imap.start(self._bind("imap"), self._bind("imap_starttls"))
        (self._state / "ports.json").write_text(json.dumps(self._ports), encoding="utf-8")
        self.endpoints = self._endpoints(ca_bundle)
        return self

    async def stop(self) -> None:
        """Stop everything; what is still due is delivered after the next start."""
        await self._imap.stop()
        for runner in reversed(self._runners):
            connections = runner.server.connections if runner.server else []
            transports = [connection.transport for connection in connections if connection.transport]
            await runner.cleanup()
            for transport in transports:
                # A client that keeps its TLS connection open would make us wait for its goodbye.
                transport.abort()
        self._runners.clear()
        await self._dns.close()
        await self.office.close()

    def write_configuration(self, folder: Path) -> Path:
        """Write the files that point the pipeline here; returns the path of ``placement.toml``.

        ``service-account.json`` beside them is for who would rather sign in by delegation, and for Workspace's log.
        """
        self._folder = folder
        written = configuration.write_configuration(folder, self.office, self.endpoints)
        key = folder / configuration.SERVICE_ACCOUNT_FILE
        key.touch(mode=0o600)
        key.write_text(json.dumps(self.service_account_info()), encoding="utf-8")
        return written

    def _rewrite_team_files(self) -> None:
        """What people would do after a fix or a change: template, signatures and sync states stand in files."""
        if self._folder:
            configuration.write_team_files(self._folder, self.office)

    def service_account_info(self) -> dict[str, str]:
        """The key file of the Google service account that may act for every Workspace mailbox."""
        return google_tokens.service_account_info(self._key, self.endpoints.google_token)

    @classmethod
    @contextmanager
    def run_in_thread(cls, world: World, state: Path, ports: dict[str, int] | None = None) -> Iterator[Self]:
        """Run a sandbox in a thread and a loop of its own, for as long as the block lasts."""
        sandbox = cls(world, state, ports)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
            try:
                yield sandbox
            finally:
                asyncio.run_coroutine_threadsafe(sandbox._stop_all(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _stop_all(self) -> None:
        await self.stop()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, service: str, app: web.Application, context: ssl.SSLContext | None = None) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        await web.SockSite(runner, self._bind(service), ssl_context=context).start()

    async def _start_dns(self) -> None:
        try:
            self._ports["dns"] = await self._dns.start(_HOST, self._ports.get("dns", 0))
        except OSError:
            if "dns" in self._given:
                raise
            self._ports["dns"] = await self._dns.start(_HOST)

    def _bind(self, service: str) -> socket.socket:
        try:
            bound = socket.create_server((_HOST, self._ports.get(service, 0)))
        except OSError:
            if service in self._given:
                raise
            bound = socket.create_server((_HOST, 0))
        self._ports[service] = bound.getsockname()[1]
        return bound

    def _endpoints(self, ca_bundle: Path) -> SandboxEndpoints:
        url = {service: f"http://{_HOST}:{port}" for service, port in self._ports.items()}
        if self._world.wire.is_tls:
            url |= {service: f"https://{_HOST}:{self._ports[service]}" for service in ("google", "graph")}
        return SandboxEndpoints(
            gmail_api=url["google"],
            google_token=f"{url['google']}/token",
            imap_token=f"{url['google']}/imap/token",
            graph_api=f"{url['graph']}/v1.0",
            microsoft_authority=f"https://localhost:{self._ports['authority']}",
            pipedrive_api=url["pipedrive"],
            control=url["control"],
            imap_host="localhost",
            imap_port=self._ports["imap"],
            imap_starttls_port=self._ports["imap_starttls"],
            dns_host=_HOST,
            dns_port=self._ports["dns"],
            ca_bundle=ca_bundle,
        )


def endpoints_as_json(endpoints: SandboxEndpoints) -> str:
    """The endpoints for a port file."""
    values: dict[str, Any] = asdict(endpoints) | {"ca_bundle": str(endpoints.ca_bundle)}
    return json.dumps(values, indent=2) + "\n"


def _remembered_ports(state: Path) -> dict[str, int]:
    with suppress(FileNotFoundError, ValueError):
        ports = json.loads((state / "ports.json").read_text(encoding="utf-8"))
        return {service: int(ports[service]) for service in _SERVICES if service in ports}
    return {}


def _tls(state: Path) -> tuple[ssl.SSLContext, Path]:
    """The server's TLS and the bundle to verify it with; the same after a restart."""
    bundle, server = state / "ca.pem", state / "server.pem"
    if not server.exists():
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(bundle))
        certificate = authority.issue_cert("localhost", _HOST)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(server))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server)
    return context, bundle


def _service_account_key(state: Path) -> rsa.RSAPrivateKey:
    path = state / "service_account.pem"
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(google_tokens.private_pem(key))
    return key
