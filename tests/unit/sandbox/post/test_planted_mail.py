"""Plants on mail and on keys, as a seed receives what they are on; and the like that they are not on."""

import json
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from placement_pipeline.sandbox.post.fates import mail_to
from placement_pipeline.sandbox.post.mail_text import parse, text_of
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.post.transit import change_body
from placement_pipeline.sandbox.world.accounts import Account
from placement_pipeline.sandbox.world.faults import Plant
from placement_pipeline.sandbox.world.file import Chance, World
from placement_pipeline.sandbox.world.templates import template_html, templates_in
from tests.unit.sandbox.conftest import opened, send, write_mail

ANNA, BEN, FARID = "anna.berg@acme.example", "ben.okafor@acme.example", "farid.haddad@globex.example"
ALIAS, CONTROL = "ben@acme-mail.example", "control@placement-control.example"
SEEDS = ("gmail-01", "m365-01", "regional-01")


def with_faults(world: World, *plants: dict[str, Any], **changes: Any) -> World:
    """The world with these faults in place of its own."""
    return world.model_copy(update={"faults": tuple(Plant.model_validate(plant) for plant in plants), **changes})


def account_of(office: PostOffice, address: str) -> Account:
    account = office.store.account_of(address)
    assert account is not None
    return account


async def folders(office: PostOffice, *addresses: str, seeds: tuple[str, ...] = SEEDS) -> set[str]:
    """Where mail of all these addresses lies at these seeds."""
    return {(await send(office, address, seed_id)).folder for address in addresses for seed_id in seeds}


async def results(office: PostOffice, address: str, seed_id: str) -> str:
    """What the receiver found out about who a message is from."""
    return str(message_from_bytes((await send(office, address, seed_id)).raw)["Authentication-Results"])


@pytest.mark.parametrize(
    ("on", "struck", "spared"),
    [
        (ANNA, (ANNA,), (BEN, FARID, CONTROL)),
        ("acme.example", (ANNA, BEN), (ALIAS, FARID, CONTROL)),
        ("reps", (ANNA, ALIAS, FARID), (CONTROL,)),
        ("everyone", (ANNA, ALIAS, FARID, CONTROL), ()),
        (CONTROL, (CONTROL,), (ANNA, FARID)),
    ],
)
async def test_mail_is_planted_on_by_address_by_domain_of_all_reps_or_of_everyone(
    world: World, state: Path, on: str, struck: tuple[str, ...], spared: tuple[str, ...]
) -> None:
    async with opened(with_faults(world, {"fault": "junked", "on": on}), state) as office:
        assert await folders(office, *struck) == {"junk"}
        assert await folders(office, *spared) <= {"inbox"}
        office.fix(on, "junked")
        assert await folders(office, *struck) == {"inbox"}


async def test_a_plant_on_mail_is_on_one_seed_or_one_group_where_it_says_so(world: World, state: Path) -> None:
    plants = (
        {"fault": "junked", "on": "everyone", "seed": "gmail-01"},
        {"fault": "junked", "on": ANNA, "group": "microsoft365"},
    )
    async with opened(with_faults(world, *plants), state) as office:
        assert await folders(office, ANNA, seeds=("gmail-01", "m365-01", "outlook-01")) == {"junk"}
        assert await folders(office, ANNA, seeds=("gmail-02", "regional-01")) == {"inbox"}
        assert await folders(office, BEN, seeds=("m365-01", "outlook-01")) == {"inbox"}


async def test_the_receiver_says_of_mail_it_dislikes_that_it_is_spam_and_that_it_is_who_it_says(
    world: World, state: Path
) -> None:
    async with opened(with_faults(world, {"fault": "junked", "on": ANNA}), state) as office:
        microsoft = message_from_bytes((await send(office, ANNA, "m365-01")).raw)
        regional = message_from_bytes((await send(office, ANNA, "regional-01")).raw)
    assert "SFV:SPM" in microsoft["X-Forefront-Antispam-Report"]
    assert "CAT:SPM" in microsoft["X-Forefront-Antispam-Report"]
    assert "BAYES_SPAM" in regional["X-Spamd-Result"]
    for message in (microsoft, regional):
        assert "dmarc=pass" in message["Authentication-Results"]


@pytest.mark.parametrize(("on", "is_control_lost"), [("everyone", True), ("reps", False)])
async def test_a_seed_loses_everybodys_mail_the_control_mailboxs_too_or_not(
    world: World, state: Path, on: str, is_control_lost: bool
) -> None:
    plant = {"fault": "silently_dropped", "on": on, "seed": "m365-02"}
    async with opened(with_faults(world, plant), state) as office:
        seed = office.world.seed("m365-02")
        for address in (ANNA, FARID, CONTROL):
            account = account_of(office, address)
            via = "gmail_api" if account.hosted_at == "google" else "graph"
            await office.submit(account, write_mail(address, seed.address), via)  # type: ignore[arg-type]
        kept = {message.from_address for message in office.store.messages(seed.address)}
        assert kept == (set() if is_control_lost else {CONTROL})
        told = json.loads((state / "truth.json").read_text())
    assert told["seeds"]["m365-02"]["common_faults"] == [{"fault": "silently_dropped", "subject": on}]
    assert {one["mailbox"] for one in told["single_messages"]} >= {ANNA, FARID, ALIAS}
    assert told["mailboxes"][ANNA]["expected"]["microsoft365"] == "inbox", "trouble of a seed is no rep's"
    assert told["mailboxes"][ANNA]["placements"]["m365-02"] == "missing"


async def test_quarantine_of_everybodys_mail_at_a_workspace_seed_is_in_its_log(world: World, state: Path) -> None:
    plant = {"fault": "quarantined", "on": "everyone", "seed": "workspace-01"}
    async with opened(with_faults(world, plant), state) as office:
        seed = office.world.seed("workspace-01")
        await office.submit(account_of(office, FARID), write_mail(FARID, seed.address), "graph")
        assert office.store.messages(seed.address) == []
        assert [mail.fate for mail in mail_to(office, account_of(office, seed.address))] == ["quarantined"]


def carrying_mail(sender: str, to: str) -> bytes:
    """A mail that carries the template, with one of its fields filled in."""
    markup = template_html().partition("{% if")[0].replace("{{ contact.company }}", "Nordlicht")
    return write_mail(sender, to, signature=markup)


@pytest.mark.parametrize("sender", [ANNA, CONTROL])
async def test_a_template_that_is_spam_is_so_for_everybody_who_sends_it_and_in_no_other_mail(
    world: World, state: Path, sender: str
) -> None:
    plant = {"fault": "junked", "on": "everyone", "template": "first-contact", "group": "gmail"}
    async with opened(with_faults(world, plant), state) as office:
        for seed_id, folder in (("gmail-01", "junk"), ("m365-01", "inbox")):
            raw = carrying_mail(sender, office.world.seed(seed_id).address)
            assert (await send(office, sender, seed_id, raw)).folder == folder
        assert (await send(office, sender, "gmail-01")).folder == "inbox"


def test_a_template_is_known_by_its_longest_passage() -> None:
    assert templates_in(text_of(parse(carrying_mail(ANNA, "nora@seed.example"))), {}) == {"first-contact"}
    assert templates_in("We help operations teams keep one view of stock.", {}) == frozenset()


async def test_a_body_changed_on_its_way_breaks_the_signature_and_dmarc_where_spf_does_not_hold_it(
    world: World, state: Path
) -> None:
    plant = {"fault": "body_changed", "on": "reps"}
    async with opened(with_faults(world, plant), state) as office:
        own, alias = await results(office, ANNA, "gmail-01"), await results(office, ALIAS, "gmail-01")
        assert "dkim=fail" in own
        assert "dmarc=pass" in own, "SPF is of the same domain"
        assert "dkim=fail" in alias
        assert "dmarc=fail" in alias
        assert "dkim=pass" in await results(office, CONTROL, "gmail-01")
        assert b"checked on its way" in (await send(office, ANNA, "m365-01")).raw
        office.fix("reps", "body_changed")
        assert "dkim=pass" in await results(office, ALIAS, "gmail-01")


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "7bit"])
def test_a_changed_body_can_still_be_read(encoding: str) -> None:
    mail = parse(b"")
    mail["From"] = ANNA
    mail.set_content("Shall we talk next week about the two sites and one plan for them?", cte=encoding)
    raw = mail.as_bytes().replace(b"\n", b"\r\n")
    changed = change_body(raw)
    assert changed != raw
    assert "Shall we talk next week about the two sites" in text_of(parse(changed))


@pytest.mark.parametrize(
    ("fault", "beside", "dmarc"),
    [
        ("dkim_key_missing", "provider", "fail"),
        ("dkim_key_missing", "own", "pass"),
        ("dkim_key_revoked", "provider", "fail"),
        ("dkim_key_revoked", "own", "pass"),
    ],
)
@pytest.mark.parametrize("domain", ["acme-mail.example", "globex.example"])
async def test_a_bad_key_stands_beside_a_good_signature_that_aligns_or_not(
    world: World, state: Path, fault: str, beside: str, dmarc: str, domain: str
) -> None:
    address = {"acme-mail.example": ALIAS, "globex.example": FARID}[domain]
    plants = (
        {"fault": fault, "on": domain, "beside": beside},
        {"fault": "spf_without_provider", "on": "globex.example"},
    )
    async with opened(with_faults(world, *plants), state) as office:
        message = await send(office, address, "regional-01")
        signatures = message_from_bytes(message.raw).get_all("DKIM-Signature", [])
        assert len(signatures) == 2
        found = await results(office, address, "regional-01")
        assert (found.count("dkim=permerror"), found.count("dkim=pass")) == (1, 1)
        assert f"dmarc={dmarc}" in found
        own = office.zones.lookup(f"{'google' if address == ALIAS else 'selector1'}._domainkey.{domain}", "TXT")
        assert own.values("TXT") == (["v=DKIM1; k=rsa; p="] if fault == "dkim_key_revoked" else [])
        office.fix(domain, fault)
        healed = await results(office, address, "regional-01")
        assert (healed.count("dkim="), "dmarc=pass" in healed) == (1, True)


@pytest.mark.parametrize(
    ("plant", "lands"),
    [
        ({"fault": "cold_mailbox", "on": CONTROL}, ("junk", None)),
        ({"fault": "image_heavy_signature", "on": CONTROL}, ("inbox", "promotions")),
        ({"fault": "listed_tracking_domain", "on": CONTROL, "host": "click.linkmetrics.example"}, ("junk", None)),
        ({"fault": "inbox_rate", "on": CONTROL, "rate": 0}, ("junk", None)),
        ({"fault": "cold_mailbox", "on": ANNA}, ("inbox", "personal")),
    ],
)
async def test_the_control_mailbox_can_be_ill_too(
    world: World, state: Path, plant: dict[str, Any], lands: tuple[str, str | None]
) -> None:
    async with opened(with_faults(world, plant), state) as office:
        message = await send(office, CONTROL, "gmail-05")
        assert (message.folder, message.category) == lands
        told = json.loads((state / "truth.json").read_text())["mailboxes"][CONTROL]
        word = {"junk": "spam"}.get(lands[0], "promotions" if lands[1] == "promotions" else "inbox")
        assert told["placements"]["gmail-05"] == word


async def test_the_control_mailboxs_grant_can_be_revoked(world: World, state: Path) -> None:
    async with opened(with_faults(world, {"fault": "token_revoked", "on": CONTROL}), state) as office:
        assert account_of(office, CONTROL).is_revoked
        assert not account_of(office, ANNA).is_revoked
        told = json.loads((state / "truth.json").read_text())["mailboxes"]
        assert set(told[CONTROL]["expected"].values()) == {"not_sent"}
        office.fix(CONTROL, "token_revoked")
        assert not account_of(office, CONTROL).is_revoked


RATES = (
    {"fault": "inbox_rate", "on": ANNA, "group": "gmail", "rate": 0.3},
    {"fault": "inbox_rate", "on": "reps", "rate": 0.7},
)


async def drawn(world: World, state: Path, order: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """The folders of two rounds of mail, sent in this order."""
    found: dict[tuple[str, str], list[str]] = {}
    async with opened(world, state) as office:
        for address, seed_id in order * 2:
            found.setdefault((address, seed_id), []).append((await send(office, address, seed_id)).folder)
    return found


async def test_chance_decides_the_same_in_whatever_order_mail_is_sent_and_otherwise_for_another_number(
    world: World, state: Path, tmp_path: Path, key_directory: Path
) -> None:
    seeds = [seed.id for seed in world.seeds if seed.hosted_at != "imap"]
    order = [(address, seed_id) for address in (ANNA, FARID) for seed_id in seeds]
    worlds = [with_faults(world, *RATES, chance=Chance(number=number, seed_sd=1.2)) for number in (5, 5, 6)]
    found = []
    for number, (one, way) in enumerate(zip(worlds, (order, order[::-1], order), strict=True)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "keys").symlink_to(key_directory)
        found.append(await drawn(one, tmp_path / str(number), way))
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert any(len(set(both)) == 2 for both in found[0].values()), "a second message has luck of its own"


async def test_the_truth_tells_what_chance_decides_for_the_first_message_and_the_rate(
    world: World, state: Path
) -> None:
    lucky = with_faults(world, *RATES, chance=Chance(number=5, seed_sd=1.2))
    async with opened(lucky, state) as office:
        told = json.loads((state / "truth.json").read_text())
        for address in (ANNA, CONTROL):
            for seed in world.seeds:
                word = told["mailboxes"][address]["placements"][seed.id]
                assert (await send(office, address, seed.id)).folder == {"spam": "junk"}.get(word, word)
        assert told["mailboxes"][ANNA]["inbox_rates"] == {"gmail": 0.3, "microsoft365": 0.7, "regional": 0.7}
        assert told["mailboxes"][CONTROL]["inbox_rates"] == {}
        assert told["mailboxes"][ANNA]["expected"]["gmail"] == "partly_spam"
        assert "gmail" in told["mailboxes"][ANNA]["flagged"]
        assert len({seed["effect"] for seed in told["seeds"].values()}) == len(world.seeds)
