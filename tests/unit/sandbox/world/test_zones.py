"""The world's DNS as data."""

from pathlib import Path

import pytest

from placement_pipeline.sandbox.world.faults import Fault, Faults, Plant, UnknownFaultError
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.keys import KeyRing
from placement_pipeline.sandbox.world.zones import Zones


@pytest.fixture
def keys(key_directory: Path) -> KeyRing:
    return KeyRing(key_directory)


def zones_with(world: World, keys: KeyRing, *plants: Plant) -> Zones:
    return Zones(world, Faults(plants), keys)


def test_a_name_without_the_type_is_nodata_and_a_name_that_is_not_there_nxdomain(world: World, keys: KeyRing) -> None:
    zones = zones_with(world, keys)
    assert zones.lookup("acme.example", "TXT").status == "data"
    assert zones.lookup("acme.example", "AAAA").status == "nodata"
    assert zones.lookup("_domainkey.acme.example", "TXT").status == "nodata"
    assert zones.lookup("nowhere.acme.example", "TXT").status == "nxdomain"


def test_names_are_found_in_any_case_and_with_the_last_dot(world: World, keys: KeyRing) -> None:
    zones = zones_with(world, keys)
    assert zones.lookup("ACME.example.", "MX") == zones.lookup("acme.example", "MX")


def test_a_microsoft_selector_is_a_cname_into_the_tenant(world: World, keys: KeyRing) -> None:
    answer = zones_with(world, keys).lookup("selector1._domainkey.globex.example", "TXT")
    assert [record.rtype for record in answer.records] == ["CNAME", "TXT"]
    assert answer.values("CNAME") == ["selector1-globex-example._domainkey.globexcorp.onmicrosoft.com."]
    assert answer.values("TXT")[0].startswith("v=DKIM1; k=rsa; p=")


def test_a_microsoft_domain_without_dkim_has_no_selector_but_the_tenant_has(world: World, keys: KeyRing) -> None:
    zones = zones_with(world, keys)
    assert zones.lookup("selector1._domainkey.initech.example", "TXT").status == "nxdomain"
    name = "selector1-globexcorp-onmicrosoft-com._domainkey.globexcorp.onmicrosoft.com"
    assert zones.lookup(name, "TXT").status == "data"


def test_fixing_an_alias_publishes_its_key(world: World, keys: KeyRing) -> None:
    faults = Faults(world.faults)
    zones, name = Zones(world, faults, keys), "google._domainkey.acme-mail.example"
    assert zones.lookup(name, "TXT").status == "nxdomain"
    faults.fix(Fault.ALIAS_WITHOUT_DKIM, "ben@acme-mail.example")
    before = zones.revision
    zones.rebuild()
    assert zones.lookup(name, "TXT").status == "data"
    assert zones.revision > before


def test_spf_leaves_the_provider_out_until_it_is_fixed(world: World, keys: KeyRing) -> None:
    faults = Faults(world.faults)
    zones = Zones(world, faults, keys)
    assert "outlook.com" not in " ".join(zones.lookup("initech.example", "TXT").values("TXT"))
    faults.fix(Fault.SPF_WITHOUT_PROVIDER, "initech.example")
    zones.rebuild()
    assert "include:spf.protection.outlook.com" in " ".join(zones.lookup("initech.example", "TXT").values("TXT"))


def test_the_blocklist_names_the_planted_domain_its_hosts_and_the_test_point(world: World, keys: KeyRing) -> None:
    zones = Zones(world, Faults(world.faults), keys)
    for listed in ("click.linkmetrics.example", "linkmetrics.example", "dbltest.com"):
        assert zones.lookup(f"{listed}.dbl.spamhaus.org", "A").values("A") == ["127.0.1.2"]
    assert zones.is_listed("click.linkmetrics.example")


def test_the_blocklist_does_not_name_others_and_an_address_is_an_error(world: World, keys: KeyRing) -> None:
    zones = Zones(world, Faults(world.faults), keys)
    assert zones.lookup("acme.example.dbl.spamhaus.org", "A").status == "nxdomain"
    assert zones.lookup("2.0.0.127.dbl.spamhaus.org", "A").values("A") == ["127.0.1.255"]
    assert not zones.is_listed("acme.example")
    assert not zones.is_listed("192.0.2.1")


def world_with(world: World, **names: object) -> World:
    return World.model_validate(world.model_dump() | {"names": names, "faults": ()})


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("tracker.example.multi.surbl.org", ["127.0.0.64"]),
        ("go.tracker.example.multi.surbl.org", ["127.0.0.64"]),
        ("nottracker.example.multi.surbl.org", []),
        ("grey.example.multi.uribl.com", ["127.0.0.4"]),
        ("go.grey.example.multi.uribl.com", []),
        ("7.100.51.198.zen.spamhaus.org", ["127.0.0.3"]),
        ("7.100.51.199.zen.spamhaus.org", []),
        ("test.surbl.org.multi.surbl.org", ["127.0.0.254"]),
        ("test.uribl.com.multi.uribl.com", ["127.0.0.14"]),
        ("2.0.0.127.zen.spamhaus.org", ["127.0.0.2", "127.0.0.4", "127.0.0.10"]),
        ("invalid.multi.surbl.org", []),
        ("1.0.0.127.zen.spamhaus.org", []),
    ],
)
def test_every_list_answers_as_its_keeper_says(world: World, keys: KeyRing, question: str, codes: list[str]) -> None:
    listings = [
        {"list": "surbl", "name": "tracker.example", "code": "127.0.0.64"},
        {"list": "uribl", "name": "grey.example", "code": "127.0.0.4"},
        {"list": "zen", "name": "198.51.100.7", "code": "127.0.0.3"},
    ]
    answer = zones_with(world_with(world, listings=listings), keys).lookup(question, "A")
    assert (answer.values("A"), answer.status) == (codes, "data" if codes else "nxdomain")


def test_a_list_that_refuses_says_so_to_every_question(world: World, keys: KeyRing) -> None:
    zones = zones_with(world_with(world, refusing_lists=["uribl", "dbl"]), keys)
    for name in ("acme.example", "test.uribl.com"):
        assert zones.lookup(f"{name}.multi.uribl.com", "A").values("A") == ["127.0.0.1"]
        assert zones.lookup(f"{name}.dbl.spamhaus.org", "A").values("A") == ["127.255.255.254"]
    assert not zones.is_listed("acme.example")


def test_a_filter_minds_listings_and_not_doubts(world: World, keys: KeyRing) -> None:
    listings = [
        {"list": "surbl", "name": "bad.example", "code": "127.0.0.80"},
        {"list": "uribl", "name": "black.example", "code": "127.0.0.2"},
        {"list": "uribl", "name": "grey.example", "code": "127.0.0.12"},
    ]
    zones = zones_with(world_with(world, listings=listings), keys)
    assert [zones.is_listed(f"go.{name}.example") for name in ("bad", "black", "grey")] == [True, True, False]


def test_a_tracking_domain_leads_to_its_vendor(world: World, keys: KeyRing) -> None:
    planted = world_with(
        world, aliases={"go.Acme.example": "eu.tracker.example."}, addresses={"eu.tracker.example": "192.0.2.81"}
    )
    answer = zones_with(planted, keys).lookup("go.acme.example", "A")
    assert [(record.name, record.rtype, record.value) for record in answer.records] == [
        ("go.acme.example", "CNAME", "eu.tracker.example."),
        ("eu.tracker.example", "A", "192.0.2.81"),
    ]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.DNS_SERVFAIL, "servfail"), (Fault.DNS_TIMEOUT, "timeout"), (Fault.DNS_REFUSED, "refused")],
)
def test_a_planted_name_does_not_answer_and_its_neighbours_do(
    world: World, keys: KeyRing, fault: Fault, status: str
) -> None:
    zones = zones_with(world, keys, Plant(fault=fault, on="_dmarc.acme.example"))
    assert zones.lookup("_dmarc.acme.example", "TXT").status == status
    assert zones.lookup("acme.example", "TXT").status == "data"


def test_a_planted_star_means_every_name_below(world: World, keys: KeyRing) -> None:
    zones = zones_with(world, keys, Plant(fault=Fault.DNS_REFUSED, on="*.dbl.spamhaus.org"))
    assert zones.lookup("acme.example.dbl.spamhaus.org", "A").status == "refused"
    assert zones.lookup("acme.example", "TXT").status == "data"


def test_keys_are_made_once(key_directory: Path, keys: KeyRing, world: World) -> None:
    first = zones_with(world, keys).lookup("google._domainkey.acme.example", "TXT")
    assert zones_with(world, KeyRing(key_directory)).lookup("google._domainkey.acme.example", "TXT") == first


def test_a_fault_that_is_not_planted_cannot_be_fixed(world: World) -> None:
    with pytest.raises(UnknownFaultError, match=r"it is on \['david.lind@acme.example'\]"):
        Faults(world.faults).fix(Fault.COLD_MAILBOX, "anna.berg@acme.example")
