"""The receiving side really checks signatures and really evaluates SPF and DMARC."""

from datetime import UTC, datetime

import pytest

from placement_pipeline.sandbox.post.authentication import Authentication, Authenticator
from placement_pipeline.sandbox.post.message_fields import normalise
from placement_pipeline.sandbox.post.outbound import InTransit, Outbound
from placement_pipeline.sandbox.world.accounts import open_accounts
from placement_pipeline.sandbox.world.faults import Fault, Faults, Plant
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.keys import KeyRing
from placement_pipeline.sandbox.world.zones import Zones
from tests.unit.sandbox.conftest import NOW, write_mail


class Wire:
    """Sends and checks without a mailbox at either end."""

    def __init__(self, world: World, keys: KeyRing, *plants: Plant) -> None:
        faults = Faults(plants)
        self._world, self._keys = world, keys
        self._accounts = open_accounts(world, faults, NOW)
        self._outbound = Outbound(world, faults, keys)
        self._authenticator = Authenticator(Zones(world, faults, keys))

    def sent(self, from_address: str) -> InTransit:
        account = next(account for account in self._accounts.values() if account.may_send_as(from_address))
        raw = normalise(write_mail(from_address, "nora@seed.example"))
        return self._outbound.dispatch(
            "0123456789abcdef", account, raw, datetime(2026, 11, 23, tzinfo=UTC), "gmail_api"
        )

    async def check(self, mail: InTransit, raw: bytes | None = None, ip: str | None = None) -> Authentication:
        from_domain = mail.from_address.rpartition("@")[2]
        return await self._authenticator.check(
            raw or mail.raw, ip or mail.relay.ip, mail.relay.name, mail.envelope_from, from_domain
        )


@pytest.fixture
def keys(key_directory: object) -> KeyRing:
    return KeyRing(key_directory)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["anna.berg@acme.example", "farid.haddad@globex.example"])
async def test_mail_of_a_healthy_domain_passes_all_three(world: World, keys: KeyRing, address: str) -> None:
    wire = Wire(world, keys)
    found = await wire.check(wire.sent(address))
    assert (found.spf.verdict, found.dkim[0].verdict, found.dmarc.verdict) == ("pass", "pass", "pass")
    assert found.dkim[0].domain == address.rpartition("@")[2]


async def test_a_changed_body_breaks_the_signature(world: World, keys: KeyRing) -> None:
    wire = Wire(world, keys)
    mail = wire.sent("anna.berg@acme.example")
    found = await wire.check(mail, raw=mail.raw.replace(b"warehouse", b"warehousE"))
    assert found.dkim[0].verdict == "fail"
    assert found.dmarc.verdict == "pass"  # SPF still aligns


async def test_another_host_fails_spf(world: World, keys: KeyRing) -> None:
    wire = Wire(world, keys)
    found = await wire.check(wire.sent("farid.haddad@globex.example"), ip="192.0.2.9")
    assert found.spf.verdict == "fail"
    assert found.dmarc.verdict == "pass"  # the signature still aligns


async def test_an_alias_that_is_not_signed_passes_everything_but_dmarc(world: World, keys: KeyRing) -> None:
    wire = Wire(world, keys, Plant(fault=Fault.ALIAS_WITHOUT_DKIM, on="acme-mail.example"))
    mail = wire.sent("ben@acme-mail.example")
    found = await wire.check(mail)
    assert mail.envelope_from == "ben.okafor@acme.example"
    assert found.dkim[0].domain == "acme-mail-example.20230601.gappssmtp.com"
    assert (found.spf.verdict, found.dkim[0].verdict, found.dmarc.verdict) == ("pass", "pass", "fail")


async def test_an_alias_that_is_signed_passes_dmarc(world: World, keys: KeyRing) -> None:
    wire = Wire(world, keys)
    assert (await wire.check(wire.sent("ben@acme-mail.example"))).dmarc.verdict == "pass"


async def test_spf_without_the_provider_leaves_the_tenants_signature_which_does_not_align(
    world: World, keys: KeyRing
) -> None:
    wire = Wire(world, keys, Plant(fault=Fault.SPF_WITHOUT_PROVIDER, on="initech.example"))
    found = await wire.check(wire.sent("iris.tanaka@initech.example"))
    assert (found.spf.verdict, found.dmarc.verdict, found.dmarc.policy) == ("fail", "fail", "quarantine")
    assert (found.dkim[0].verdict, found.dkim[0].domain) == ("pass", "globexcorp.onmicrosoft.com")


@pytest.mark.parametrize("fault", [Fault.DNS_SERVFAIL, Fault.DNS_TIMEOUT, Fault.DNS_REFUSED])
async def test_dns_that_does_not_answer_is_a_temporary_error_and_no_failure(
    world: World, keys: KeyRing, fault: Fault
) -> None:
    names = ("google._domainkey.acme.example", "_dmarc.acme.example", "acme.example")
    wire = Wire(world, keys, *(Plant(fault=fault, on=name) for name in names))
    found = await wire.check(wire.sent("anna.berg@acme.example"))
    assert {found.spf.verdict, found.dkim[0].verdict, found.dmarc.verdict} == {"temperror"}


async def test_a_signature_that_leaves_from_out_counts_for_nothing(world: World, keys: KeyRing) -> None:
    wire = Wire(world, keys)
    mail = wire.sent("anna.berg@acme.example")
    found = await wire.check(mail, raw=mail.raw.replace(b"h=from : to", b"h=to : to", 1))
    assert found.dkim[0].verdict == "permerror"
