"""The files that point the pipeline at a running sandbox: settings, secrets, the admin's table, the template.

Written as a person would write them for real providers, so that nothing in the pipeline
tells the two apart.
"""

import base64
import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placement_pipeline.domain.words import MailProvider, ProviderFamily, SyncMode
from placement_pipeline.sandbox import pipedrive
from placement_pipeline.sandbox.google import tokens as google_tokens
from placement_pipeline.sandbox.imap import tokens as imap_tokens
from placement_pipeline.sandbox.microsoft import tokens as microsoft_tokens
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.faults import Fault
from placement_pipeline.sandbox.world.file import Mailbox, Rep, World, WorldSeed
from placement_pipeline.sandbox.world.past import derive
from placement_pipeline.sandbox.world.templates import TEMPLATE_ID, TEMPLATE_SUBJECT

SERVICE_ACCOUNT_FILE = "service-account.json"
"""Beside the settings; its key is the running sandbox's, which writes it."""

_COLUMNS = ("user_email", "address", "account", "provider", "sync", "route", "signature_file", "job_title")
_PROVIDERS = {"google": MailProvider.GOOGLE, "microsoft": MailProvider.MICROSOFT365}


@dataclass(frozen=True, slots=True)
class SandboxEndpoints:
    """Where a running sandbox answers.

    Attributes:
        ca_bundle: PEM of the authority that signed the Microsoft authority's and IMAP's certificates.
    """

    gmail_api: str
    google_token: str
    graph_api: str
    microsoft_authority: str
    pipedrive_api: str
    control: str
    imap_token: str
    imap_host: str
    imap_port: int
    imap_starttls_port: int
    dns_host: str
    dns_port: int
    ca_bundle: Path


def write_configuration(folder: Path, office: PostOffice, endpoints: SandboxEndpoints) -> Path:
    """Write every file; those of an earlier run are replaced.

    Args:
        folder: made if it is not there.
        office: the world as it is now.
        endpoints: of the running sandbox.

    Returns:
        The path of ``placement.toml``. ``secrets.toml`` lies beside it and has to be named
        in ``PLACEMENT_SECRETS_FILE``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_team_files(folder, office)
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(_toml(_secrets(office, folder / SERVICE_ACCOUNT_FILE)), encoding="utf-8")
    settings = folder / "placement.toml"
    settings.write_text(_toml(_settings(office.world, endpoints)), encoding="utf-8")
    return settings


def write_team_files(folder: Path, office: PostOffice) -> None:
    """Write the template, the admin's table and the signatures it names, as they are now."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates" / "first_contact.html").write_text(office.template_html(), encoding="utf-8")
    signatures = folder / "roster" / "signatures"
    signatures.mkdir(parents=True, exist_ok=True)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for rep in office.world.reps:
        for mailbox in rep.mailboxes:
            name = f"{mailbox.address.replace('@', '_at_')}.html"
            (signatures / name).write_text(office.signature_html(mailbox.address), encoding="utf-8")
            writer.writerow(_row(office, rep, mailbox, f"signatures/{name}"))
    if office.world.control:
        html = office.signature_html(office.world.control.address)
        (signatures / "control.html").write_text(html, encoding="utf-8")
    (folder / "roster" / "mailboxes.csv").write_text(table.getvalue(), encoding="utf-8")


def _row(office: PostOffice, rep: Rep, mailbox: Mailbox, signature_file: str) -> tuple[str, ...]:
    provider = _PROVIDERS[office.world.domain_of(mailbox.login).hosted_at]
    sync = SyncMode.SMART_BCC if office.has(Fault.SMART_BCC, mailbox.address) else mailbox.sync
    account = mailbox.account or ""
    return (rep.email, mailbox.address, account, provider, sync, mailbox.route, signature_file, rep.job_title)


def _settings(world: World, endpoints: SandboxEndpoints) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "mode": "live",
        "business": {"time_zone": "UTC"},
        "endpoints": {
            "pipedrive_api": endpoints.pipedrive_api,
            "gmail_api": endpoints.gmail_api,
            "google_token": endpoints.google_token,
            "google_reports_api": endpoints.gmail_api,
            "graph_api": endpoints.graph_api,
            "microsoft_authority": endpoints.microsoft_authority,
            "ca_bundle": str(endpoints.ca_bundle.resolve()),
        },
        "dns": {"nameservers": [f"{endpoints.dns_host}:{endpoints.dns_port}"], "timeout": "2s"},
        "pacing": {"interval": "0s", "cool_down": "0s", "hourly_cap": 10_000, "daily_cap": 10_000},
        "sweeps": {"ages": ["1s", "5s", "12s"], "gap": "2s", "patience": "0s"},
        "tests": {"template": TEMPLATE_ID, "resolve_wait": "1s", "call_limit": "20s"},
        "roster": {"mailboxes_file": "roster/mailboxes.csv"},
        "templates": [{"id": TEMPLATE_ID, "subject": TEMPLATE_SUBJECT, "file": "templates/first_contact.html"}],
        "seeds": [
            {
                "id": seed.id,
                "address": seed.address,
                "family": seed.family.value,
                "contact": {"name": seed.contact.name, "company": seed.contact.company},
                **(_imap(seed, endpoints) if seed.hosted_at == "imap" else {}),
                **_delivery_log(seed),
            }
            for seed in world.seeds
        ],
    }
    if world.control:
        settings["control_mailbox"] = {
            "address": world.control.address,
            "provider": _PROVIDERS[world.domain_of(world.control.address).hosted_at].value,
            "name": world.control.name,
            "signature_file": "roster/signatures/control.html",
            # It sends the same template, so it needs the fields that reps have in the table.
            "merge_fields": {"job_title": world.control.job_title},
        }
    return settings


def _delivery_log(seed: WorldSeed) -> dict[str, str]:
    """The app may read the message trace of the seeds' tenant; the log of a Workspace needs an administrator's name."""
    if seed.family is ProviderFamily.MICROSOFT365:
        return {"delivery_log": "message_trace"}
    return {"delivery_log": "workspace_log", "delivery_log_admin": seed.log_admin} if seed.log_admin else {}


def _imap(seed: WorldSeed, endpoints: SandboxEndpoints) -> dict[str, Any]:
    server: dict[str, Any] = {"imap_host": endpoints.imap_host, "imap_port": endpoints.imap_port}
    if seed.sign_in == "xoauth2":
        server |= {"imap_sign_in": "xoauth2", "imap_token_url": endpoints.imap_token}
    return server


def _secrets(office: PostOffice, service_account_file: Path) -> dict[str, Any]:
    accounts = office.store.accounts.values()
    # A password reset touches only a user's own grant; the other Microsoft mailboxes go app-only.
    reset = {plant.on for plant in office.world.faults if plant.fault is Fault.TOKEN_REVOKED}
    return {
        "pipedrive_token": pipedrive.API_TOKEN,
        "google_client_id": google_tokens.CLIENT_ID,
        "google_client_secret": google_tokens.CLIENT_SECRET,
        **(
            {"google_service_account_file": str(service_account_file.resolve())}
            if any(seed.log_admin for seed in office.world.seeds)
            else {}
        ),
        "microsoft_tenant": microsoft_tokens.TENANT,
        "microsoft_client_id": microsoft_tokens.CLIENT_ID,
        "microsoft_client_secret": microsoft_tokens.CLIENT_SECRET,
        "token_key": base64.urlsafe_b64encode(bytes.fromhex(derive("token key", length=64))).decode(),
        "mailboxes": {
            account.address: {"refresh_token": account.refresh_token}
            for account in accounts
            if account.kind != "seed" and (account.hosted_at == "google" or account.address in reset)
        },
        "seeds": {seed.id: _seed_secret(seed, office.store.accounts[seed.address]) for seed in office.world.seeds},
    }


def _seed_secret(seed: WorldSeed, account: Account) -> dict[str, str]:
    if seed.hosted_at != "imap":
        return {"refresh_token": account.refresh_token}
    if seed.sign_in == "password":
        return {"password": account.password}
    client = {"client_id": imap_tokens.CLIENT_ID, "client_secret": imap_tokens.CLIENT_SECRET}
    return {"refresh_token": account.refresh_token, **client}


def _toml(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """A mapping as TOML: plain values first, then its tables, then its arrays of tables."""
    lines, tables = [], []
    for name, value in document.items():
        here = (*path, json.dumps(name) if not name.isidentifier() else name)
        if isinstance(value, Mapping):
            tables.append(f"\n[{'.'.join(here)}]\n{_toml(value, here)}")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            tables.extend(f"\n[[{'.'.join(here)}]]\n{_toml(item, here)}" for item in value)
        else:
            # TOML's basic strings, whole numbers, booleans and arrays are written as JSON writes them.
            lines.append(f"{here[-1]} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines) + "".join(tables)
