"""Signing in, against the sandbox's token endpoints of Google and Microsoft."""

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import Engine

from placement_pipeline.connectors.errors import InputError, ReadError, SignInError
from placement_pipeline.connectors.google.sign_in import READ_AND_SEND, READ_ONLY, GoogleApp
from placement_pipeline.connectors.mail import Scopes
from placement_pipeline.connectors.microsoft.certificate import ClientCertificate, read_certificate
from placement_pipeline.connectors.microsoft.permissions import read_claims
from placement_pipeline.connectors.microsoft.sign_in import CONSUMERS, MicrosoftApp
from placement_pipeline.connectors.sign_in import AccessToken, NotKeptError, TokenSource
from placement_pipeline.sandbox.google import tokens as google_tokens
from placement_pipeline.sandbox.microsoft import tokens as microsoft_tokens
from placement_pipeline.sandbox.microsoft.certificate import write_certificate
from placement_pipeline.stages.token_store import StoredTokens
from placement_pipeline.stages.workplace import utc_now
from placement_pipeline.warehouse.rotated_tokens import TokenSeal, make_token_key
from tests.contract.conftest import ANNA, MIA, REVOKED_GOOGLE, REVOKED_MICROSOFT, SEND_ONLY, WIDE, Doors


@pytest.fixture
def delegating_app(doors: Doors, tmp_path: Path) -> GoogleApp:
    key = tmp_path / "service-account.json"
    key.write_text(json.dumps(doors.sandbox.service_account_info()), encoding="utf-8")
    return GoogleApp(doors.sandbox.endpoints.google_token, service_account_file=key, meter=doors.meter, now=utc_now)


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth sleeps between its own attempts at the token endpoint."""
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda seconds: None)


async def refusal(tokens: TokenSource) -> SignInError:
    with pytest.raises(SignInError) as caught:
        await tokens.token()
    assert "@" not in str(caught.value)
    return caught.value


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    now, fetched = 0.0, 0

    def fetch() -> AccessToken:
        nonlocal fetched
        fetched += 1
        return AccessToken(f"token {fetched}", 3600)

    source = TokenSource(fetch, clock=lambda: now)
    assert await source.token() == await source.token() == "token 1"
    now = 3600 - 121
    assert await source.token() == "token 1"
    now = 3600 - 119
    assert await source.token() == "token 2"
    source.forget("token 1")
    assert await source.token() == "token 2", "an old refusal does not cost the new token"
    source.forget("token 2")
    assert await source.token() == "token 3"
    assert "token" not in repr(AccessToken("token", 1))[12:]


async def test_a_google_users_grant_is_exchanged_once(doors: Doors) -> None:
    source, before = doors.google_tokens(ANNA), doors.calls("google.token")
    assert await source.token() == await source.token()
    assert doors.calls("google.token") - before == 1


async def test_a_revoked_google_grant_says_so_and_shows_no_secret(doors: Doors) -> None:
    error = await refusal(doors.google_tokens(REVOKED_GOOGLE))
    assert (error.code, error.provider_code) == ("token_revoked", "invalid_grant")
    assert "reconnect the mailbox" in str(error)
    assert doors.refresh_token(REVOKED_GOOGLE) not in str(error)


async def test_a_wrong_google_client_secret_is_no_revoked_grant(doors: Doors) -> None:
    error = await refusal(doors.google_app("wrong").user_grant(doors.refresh_token(ANNA), "mailbox 1"))
    assert (error.code, error.provider_code) == ("sign_in_refused", "invalid_client")
    assert "google_client_secret" in str(error)


async def test_a_google_client_without_a_secret_is_told_before_anyone_is_asked(doors: Doors) -> None:
    before = doors.calls("google.token")
    app = GoogleApp(doors.sandbox.endpoints.google_token, meter=doors.meter, now=utc_now)
    error = await refusal(app.user_grant(doors.refresh_token(ANNA), "mailbox 1"))
    assert error.code == "sign_in_refused"
    assert "google_client_id" in str(error)
    assert doors.calls("google.token") == before


@pytest.mark.parametrize(
    ("address", "missing", "spare"),
    [(ANNA, (), ()), (SEND_ONLY, ("gmail.readonly",), ()), (WIDE, (), ("gmail.modify",))],
)
async def test_a_google_grant_tells_what_it_lacks_and_what_it_has_too_much(
    doors: Doors, address: str, missing: tuple[str, ...], spare: tuple[str, ...]
) -> None:
    grant = doors.google_tokens(address)
    assert await grant.scopes() == Scopes(missing, spare)
    assert doors.meter.calls() == {"token": 1}


async def test_a_reps_grant_is_more_than_a_seed_needs(doors: Doors) -> None:
    assert await doors.google_tokens(ANNA, needed=READ_ONLY).scopes() == Scopes((), ("gmail.send",))


async def test_a_delegated_token_has_what_was_asked_for_and_no_more(delegating_app: GoogleApp) -> None:
    for scopes in (READ_ONLY, READ_AND_SEND):
        assert await delegating_app.delegated(ANNA, "mailbox 1", scopes).scopes() == Scopes((), ())


async def test_domain_wide_delegation_survives_a_password_reset(delegating_app: GoogleApp) -> None:
    assert await delegating_app.delegated(ANNA, "mailbox 1").token()
    assert await delegating_app.delegated(REVOKED_GOOGLE, "mailbox 3").token()


async def test_delegation_tells_missing_consent_from_an_unknown_account(
    doors: Doors, delegating_app: GoogleApp
) -> None:
    personal = await refusal(delegating_app.delegated(doors.account("gmail-01").address, "seed gmail-01"))
    assert (personal.code, personal.provider_code) == ("consent_missing", "unauthorized_client")
    assert "gmail.send and gmail.readonly in the Workspace admin console" in str(personal)
    unknown = await refusal(delegating_app.delegated("nobody@acme.example", "mailbox 9"))
    assert (unknown.code, unknown.provider_code) == ("sign_in_refused", "invalid_grant")
    assert "knows no such account" in str(unknown)


async def test_a_key_that_was_replaced_is_told_from_an_unknown_account(doors: Doors, tmp_path: Path) -> None:
    info = doors.sandbox.service_account_info()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = tmp_path / "old-key.json"
    key.write_text(json.dumps(info | {"private_key": google_tokens.private_pem(other).decode()}), encoding="utf-8")
    app = GoogleApp(doors.sandbox.endpoints.google_token, service_account_file=key, meter=doors.meter, now=utc_now)
    assert "make a new JSON key" in str(await refusal(app.delegated(ANNA, "mailbox 1")))


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_service_account_on_a_machine_with_a_wrong_clock_is_told_so(
    delegating_app: GoogleApp, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    wrong = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: wrong)
    error = await refusal(delegating_app.delegated(ANNA, "mailbox 1"))
    assert (error.code, error.provider_code) == ("sign_in_refused", "invalid_grant")
    assert "Set this machine's clock" in str(error)


def test_delegation_without_a_key_names_the_setting(doors: Doors, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="google_service_account_file"):
        doors.google_app().delegated(ANNA, "mailbox 1")
    broken = tmp_path / "key.json"
    broken.write_text("{}", encoding="utf-8")
    for path, says in ((broken, "not a service account's key"), (tmp_path / "none.json", "cannot be read")):
        with pytest.raises(InputError, match=says):
            GoogleApp(doors.sandbox.endpoints.google_token, service_account_file=path, meter=doors.meter, now=utc_now)


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("behaviour", ["status", "drop_after", "half_answer"])
async def test_a_google_token_endpoint_in_trouble_is_no_refusal(
    doors: Doors, trouble: Callable[..., None], behaviour: str
) -> None:
    trouble("google.token", behaviour)
    with pytest.raises(ReadError) as caught:
        await doors.google_tokens(ANNA).token()
    assert caught.value.code == "unreachable"


async def test_microsofts_app_only_token_is_had_once_for_all_mailboxes(doors: Doors) -> None:
    source, before = doors.microsoft_app().app_only(), doors.calls("microsoft.token")
    first = await source.token()
    assert await source.token() == first
    assert doors.calls("microsoft.token") - before == 1
    source.forget(first)
    await source.token()
    assert doors.calls("microsoft.token") - before == 2, "msal's own cache must not give the refused token again"


async def test_a_revoked_microsoft_grant_says_so_and_shows_no_secret(doors: Doors) -> None:
    refresh_token = doors.refresh_token(REVOKED_MICROSOFT)
    error = await refusal(doors.microsoft_app().user_grant(refresh_token, "mailbox 5"))
    assert (error.code, error.provider_code) == ("token_revoked", "AADSTS50173")
    assert "reconnect the mailbox" in str(error)
    assert refresh_token not in str(error)


async def test_a_microsoft_refresh_token_that_rotates_is_followed_and_kept_every_time(doors: Doors) -> None:
    kept: list[str] = []
    source = doors.microsoft_app().user_grant(doors.refresh_token(MIA), "mailbox 4", kept.append)
    for _ in range(3):
        source.forget(await source.token())
    assert len({doors.refresh_token(MIA), *kept}) == 4


async def test_a_rotated_token_survives_a_restart_until_another_is_configured(doors: Doors, engine: Engine) -> None:
    key, configured = make_token_key(), doors.refresh_token(MIA)

    async def process() -> tuple[str, str]:
        """What a process begins with and what it leaves behind."""
        store = StoredTokens(engine, TokenSeal(key), lambda: datetime.now(UTC))
        first = store.latest("mailbox/4", configured)
        keep = lambda token: store.keep("mailbox/4", configured, token)  # noqa: E731
        await doors.microsoft_app().user_grant(first, "mailbox 4", keep).token()
        return first, store.latest("mailbox/4", configured)

    began, left = await process()
    assert began == configured != left
    began_again, left_again = await process()
    assert began_again == left != left_again
    store = StoredTokens(engine, TokenSeal(key), lambda: datetime.now(UTC))
    assert store.latest("mailbox/4", "configured anew") == "configured anew"
    assert store.latest("mailbox/4", configured) == left_again


async def test_a_token_that_cannot_be_stored_is_a_warning_and_the_run_goes_on(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(token: str) -> None:
        raise NotKeptError("OperationalError")

    caplog.set_level(logging.WARNING)
    source = doors.microsoft_app().user_grant(doors.refresh_token(MIA), "mailbox 4", refuse)
    source.forget(await source.token())
    assert await source.token()
    assert "mailbox 4: the new refresh token was not stored (OperationalError)" in caplog.text
    assert "@" not in caplog.text
    assert doors.refresh_token(MIA) not in caplog.text


@pytest.fixture
def certificate(doors: Doors) -> ClientCertificate:
    return read_certificate(doors.sandbox.app_certificate, datetime.now(UTC))


async def test_the_application_signs_in_by_its_certificate_for_both_kinds_of_token(
    doors: Doors, certificate: ClientCertificate
) -> None:
    app = doors.microsoft_app(credential=certificate)
    assert await app.app_only().token()
    assert await app.user_grant(doors.refresh_token(MIA), "mailbox 4").token()
    assert certificate.private_key not in repr(certificate)


async def test_a_certificate_that_is_not_registered_is_told_by_its_code(doors: Doors, tmp_path: Path) -> None:
    write_certificate(tmp_path / "other.pem")
    other = read_certificate(tmp_path / "other.pem", datetime.now(UTC))
    error = await refusal(doors.microsoft_app(credential=other).app_only())
    assert (error.code, error.provider_code) == ("sign_in_refused", "AADSTS700027")
    assert "upload the certificate" in str(error)


def ended(path: Path) -> None:
    write_certificate(path, datetime.now(UTC) - timedelta(days=1))


def of_another_key(path: Path) -> None:
    write_certificate(path)
    key = path.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]
    write_certificate(path)
    path.write_bytes(key + b"-----BEGIN CERTIFICATE" + path.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2])


def without_a_key(path: Path) -> None:
    write_certificate(path)
    path.write_bytes(b"-----BEGIN CERTIFICATE" + path.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2])


def of_a_curve(path: Path) -> None:
    write_certificate(path)
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(curve + b"-----BEGIN CERTIFICATE" + path.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (ended, "the certificate ended on"),
        (of_another_key, "its certificate is not of its private key"),
        (without_a_key, "no key and certificate can be read"),
        (of_a_curve, "its key is not RSA"),
        (lambda path: path.write_text("{}"), "no key and certificate can be read"),
        (lambda path: None, "the file cannot be read"),
    ],
    ids=["ended", "another key", "no key", "a curve", "no pem", "no file"],
)
def test_a_certificate_that_cannot_serve_names_the_setting(
    spoil: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    spoil(tmp_path / "app.pem")
    with pytest.raises(InputError, match=f"^secrets.microsoft_certificate_file: {says}") as caught:
        read_certificate(tmp_path / "app.pem", datetime.now(UTC))
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    ("graph_api", "audience"),
    [
        ("https://graph.microsoft.com/v1.0", "https://graph.microsoft.com"),
        ("https://graph.microsoft.us/v1.0", "https://graph.microsoft.us"),
        ("https://microsoftgraph.chinacloudapi.cn/v1.0/", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
async def test_authority_and_scope_are_those_of_the_configured_cloud(
    doors: Doors, graph_api: str, audience: str
) -> None:
    endpoints = doors.sandbox.endpoints
    app = MicrosoftApp(
        f"{endpoints.microsoft_authority}/",
        microsoft_tokens.TENANT,
        microsoft_tokens.CLIENT_ID,
        microsoft_tokens.CLIENT_SECRET,
        graph_api,
        endpoints.ca_bundle,
        doors.meter,
    )
    token = await app.app_only().token()
    assert f'"aud": "{audience}"'.encode() in payload_of(token)
    assert read_claims(token) is not None


async def test_a_token_for_another_cloud_opens_nothing_here(doors: Doors) -> None:
    here = doors.microsoft_app()
    there = MicrosoftApp(
        doors.sandbox.endpoints.microsoft_authority,
        microsoft_tokens.TENANT,
        microsoft_tokens.CLIENT_ID,
        microsoft_tokens.CLIENT_SECRET,
        "https://graph.microsoft.us/v1.0",
        doors.sandbox.endpoints.ca_bundle,
        doors.meter,
    )
    url = f"{doors.sandbox.endpoints.graph_api}/users/{MIA}/mailFolders/inbox"
    statuses = []
    for app in (here, there):
        answer = await doors.client.get(url, headers={"authorization": f"Bearer {await app.app_only().token()}"})
        statuses.append(answer.status_code)
    assert statuses == [200, 401]


def payload_of(token: str) -> bytes:
    payload = token.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


async def test_a_personal_account_signs_in_at_consumers_only(doors: Doors) -> None:
    grant = doors.account("outlook-01").refresh_token
    assert await doors.microsoft_app(CONSUMERS).user_grant(grant, "seed outlook-01").token()
    error = await refusal(doors.microsoft_app().user_grant(grant, "seed outlook-01"))
    assert error.provider_code == "AADSTS70000"


@pytest.mark.parametrize(
    ("wrong", "code", "provider_code"),
    [
        ({"credential": "wrong"}, "sign_in_refused", "AADSTS7000215"),
        ({"client_id": "wrong"}, "consent_missing", "AADSTS700016"),
        ({"tenant": "no-such-tenant"}, "sign_in_refused", "tenant_unknown"),
    ],
    ids=["secret", "client", "tenant"],
)
async def test_a_wrong_setting_of_the_microsoft_app_is_told_by_its_code(
    doors: Doors, wrong: dict[str, str], code: str, provider_code: str
) -> None:
    error = await refusal(doors.microsoft_app(**wrong).app_only())
    assert (error.code, error.provider_code) == (code, provider_code)


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_a_refused_question_for_the_endpoints_does_not_call_the_tenant_unknown(
    doors: Doors, trouble: Callable[..., None], status: int
) -> None:
    trouble("microsoft.discovery", "status", status=status)
    with pytest.raises(ReadError) as caught:
        await doors.microsoft_app().app_only().token()
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("operation", ["microsoft.token", "microsoft.discovery"])
@pytest.mark.parametrize("behaviour", ["status", "drop_after"])
async def test_a_microsoft_authority_in_trouble_is_no_refusal(
    doors: Doors, trouble: Callable[..., None], operation: str, behaviour: str
) -> None:
    trouble(operation, behaviour)
    with pytest.raises(ReadError) as caught:
        await doors.microsoft_app().app_only().token()
    assert caught.value.code == "unreachable"
