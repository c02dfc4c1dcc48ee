"""The truth and the receivers agree wherever faults meet; and they do not where either is told something else."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from placement_pipeline.domain.words import Route
from placement_pipeline.sandbox.post import crm
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.world import truth
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.past import derive
from tests.unit.sandbox.conftest import opened

FAMILIES = {"gm": "gmail", "ms": "microsoft365", "rg": "regional"}
SEEDS = [
    {
        "id": f"{kind}-{number}",
        "address": f"{kind}{number}@{kind}-seed.example",
        "family": family,
        "strictness": strictness,
        "contact": {"name": "Nora Lind", "company": "Nordlicht"},
    }
    for kind, family in FAMILIES.items()
    for number, strictness in ((1, 0.2), (2, 0.75))
]
DOMAINS: Mapping[str, tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = {
    "healthy.example": ({"dmarc": "quarantine"}, ()),
    "alias-none.example": ({"dmarc": "none", "is_alias": True}, ({"fault": "alias_without_dkim"},)),
    "alias-reject.example": ({"dmarc": "reject", "is_alias": True}, ({"fault": "alias_without_dkim"},)),
    "own-unsigned.example": ({"dmarc": "reject"}, ({"fault": "alias_without_dkim"},)),
    "spf.example": ({"dmarc": "quarantine", "hosted_at": "microsoft"}, ({"fault": "spf_without_provider"},)),
    "nothing.example": (
        {"dmarc": None, "hosted_at": "microsoft", "dkim": False},
        ({"fault": "spf_without_provider"},),
    ),
    "missing.example": ({"dmarc": "quarantine", "is_alias": True}, ({"fault": "dkim_key_missing"},)),
    "own-missing.example": ({"dmarc": "reject", "is_alias": True}, ({"fault": "dkim_key_missing", "beside": "own"},)),
    "revoked.example": (
        {"dmarc": "none", "hosted_at": "microsoft"},
        ({"fault": "dkim_key_revoked"}, {"fault": "spf_without_provider"}),
    ),
    "own-revoked.example": (
        {"dmarc": "reject", "hosted_at": "microsoft"},
        ({"fault": "dkim_key_revoked", "beside": "own"}, {"fault": "spf_without_provider"}),
    ),
    "sub.healthy.example": ({"dmarc": None}, ({"fault": "alias_without_dkim"},)),
}
"""Domains, and what is wrong with each; an alias sends from an account of the first."""
OWN_FAULTS: Sequence[Mapping[str, Any]] = (
    {"fault": "crm_tracking"},
    {"fault": "cold_mailbox"},
    {"fault": "image_heavy_signature"},
    {"fault": "listed_tracking_domain", "host": "click.linkmetrics.example"},
    {"fault": "smart_bcc"},
    {"fault": "body_changed"},
    {"fault": "junked", "group": "microsoft365"},
    {"fault": "silently_dropped", "group": "regional"},
    {"fault": "quarantined", "seed": "ms-1"},
    {"fault": "inbox_rate", "rate": 0.5},
)
COMMON: Sequence[Mapping[str, Any]] = (
    {"fault": "silently_dropped", "on": "reps", "seed": "gm-1"},
    {"fault": "junked", "on": "everyone", "seed": "rg-1"},
    {"fault": "junked", "on": "sub.healthy.example", "template": "first-contact", "group": "gmail"},
    {"fault": "user_rule", "on": "ms-2", "folder": "Suppliers"},
)


def make_world() -> World:
    """Each fault and each pair of faults on a mailbox of one domain after the other, so that each meets many."""
    meetings = [(), *((one,) for one in OWN_FAULTS), *combinations(OWN_FAULTS, 2)]
    mailboxes: list[dict[str, Any]] = []
    faults = [{"on": name, **fault} for name, (_, planted) in DOMAINS.items() for fault in planted] + [*COMMON]
    for number, name in product(range(len(meetings)), DOMAINS):
        if (number - list(DOMAINS).index(name)) % len(DOMAINS):
            continue
        address = account = f"rep{len(mailboxes)}@{name}"
        if DOMAINS[name][0].get("is_alias"):
            account = f"rep{len(mailboxes)}@healthy.example"
            mailboxes.append({"address": account})
        mailboxes.append({"address": address, "route": "crm"} | ({"account": account} if account != address else {}))
        for fault in meetings[number]:
            faults.append({**fault, "on": account if fault["fault"] == "cold_mailbox" else address})
    return World.model_validate(
        {
            "company": "Acme",
            "domains": [
                {"name": name, "hosted_at": "google"}
                | ({"tenant": "acmecorp"} if values.get("hosted_at") == "microsoft" else {})
                | dict(values)
                for name, (values, _) in DOMAINS.items()
            ],
            "reps": [
                {"id": number, "name": f"Rep {number}", "email": f"{number}@crm.example", "mailboxes": [mailbox]}
                for number, mailbox in enumerate(mailboxes, 1)
            ],
            "seeds": SEEDS,
            "chance": {"number": 3, "seed_sd": 1.2},
            "faults": faults,
        }
    )


@pytest.fixture
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key of the world is the same short one: to make and to use others takes seconds."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    monkeypatch.setattr(rsa, "generate_private_key", lambda public_exponent, key_size: key)


async def landings(office: PostOffice, addresses: Sequence[str]) -> dict[str, dict[str, str]]:
    """Where the template lands that each address sends to each seed, by address and seed."""
    seeds = {seed.address: seed.id for seed in office.world.seeds}
    for address in addresses:
        await crm.send_sequence(office, address, list(seeds))
    found: dict[str, dict[str, str]] = {address: {} for address in addresses}
    for submission in office.submissions:
        (to,) = (recipient for recipient in submission.recipients if recipient in seeds)
        message = office.store.get(to, derive("delivered", submission.id, to))
        fate = office.fates.get((submission.id, to))
        if fate is not None:
            word = {"dropped": "missing"}.get(fate, fate)
        elif message is None:
            word = "bounced"
        elif message.folder in ("inbox", "junk"):
            word = (
                "spam" if message.folder == "junk" else {"promotions": "promotions"}.get(str(message.category), "inbox")
            )
        else:
            word = "moved_by_rule"
        found[submission.from_address][seeds[to]] = word
    return found


@pytest.mark.usefixtures("one_key")
async def test_the_truth_and_the_receivers_agree_wherever_faults_meet(tmp_path: Path) -> None:
    world = make_world()
    planted = truth.describe(world)["mailboxes"]
    told = {one.address: planted[one.address]["placements"] for one in world.mailboxes if one.route is Route.CRM}
    async with opened(world, tmp_path / "state") as office:
        found = await landings(office, list(told))
    assert found == told
    for fault in {plant.fault for plant in world.faults}:
        without = world.model_copy(update={"faults": tuple(one for one in world.faults if one.fault is not fault)})
        healed = truth.describe(without)["mailboxes"]
        assert any(healed[address]["placements"] != found[address] for address in told), (
            f"{fault} is nowhere to be seen"
        )


LISTED = {"fault": "listed_tracking_domain", "on": "rep@acme.example", "host": "click.linkmetrics.example"}
PICTURE = {"fault": "image_heavy_signature", "on": "rep@acme.example"}
TRACKED = {"fault": "crm_tracking", "on": "rep@acme.example"}
UNSIGNED = {"fault": "alias_without_dkim", "on": "acme.example"}


@pytest.mark.parametrize(
    ("plants", "gmail", "microsoft365", "causes", "is_found"),
    [
        ((LISTED,), "spam", "spam", ["tracking_domain_listed"], True),
        ((LISTED, TRACKED), "promotions", "inbox", ["crm_tracking"], False),
        ((LISTED, PICTURE), "promotions", "inbox", ["image_heavy"], False),
        ((LISTED, TRACKED, {**TRACKED, "fault": "smart_bcc"}), "spam", "spam",
         ["tracking_domain_listed", "sync_smart_bcc"], True),
    ],
)  # fmt: skip
def test_a_listed_host_counts_where_a_receiver_can_see_it(
    plants: Sequence[Mapping[str, Any]], gmail: str, microsoft365: str, causes: list[str], is_found: bool
) -> None:
    told = truth.describe(small_world(plants))["mailboxes"]["rep@acme.example"]
    assert (told["expected"]["gmail"], told["expected"]["microsoft365"]) == (gmail, microsoft365)
    assert (told["causes"], "tracking_host_listed" in told["findings"]) == (causes, is_found)


@pytest.mark.parametrize(
    ("sender", "expected", "causes"),
    [("rep@acme.example", "inbox", []), ("rep@other.example", "spam", ["domain_not_signed"])],
)
def test_a_domain_that_is_not_signed_harms_where_spf_does_not_vouch_for_it(
    sender: str, expected: str, causes: list[str]
) -> None:
    told = truth.describe(small_world([UNSIGNED, {**UNSIGNED, "on": "other.example"}]))["mailboxes"][sender]
    assert (told["expected"]["microsoft365"], told["causes"]) == (expected, causes)
    assert told["findings"] == ["dkim_key_missing", "dkim_provider_default"]


@pytest.mark.parametrize(
    ("on", "flagged"), [("rep@acme.example", ["gmail"]), ("acme.example", ["gmail"]), ("everyone", []), ("reps", [])]
)
def test_single_messages_of_a_mailbox_flag_it_and_what_a_seed_does_to_everybodys_does_not(
    on: str, flagged: list[str]
) -> None:
    plant = {"fault": "silently_dropped", "on": on, "seed": "gm-1"}
    told = truth.describe(small_world([plant]))["mailboxes"]
    assert (told["rep@acme.example"]["flagged"], told["rep@other.example"]["flagged"]) == (flagged, [])
    assert set(told["rep@acme.example"]["expected"].values()) == {"inbox"}
    assert told["rep@acme.example"]["placements"]["gm-1"] == "missing"


@pytest.mark.parametrize(("struck", "flagged"), [(3, ["gmail"]), (4, [])])
def test_what_is_on_nearly_everybodys_mail_at_a_seed_is_the_seeds(struck: int, flagged: list[str]) -> None:
    addresses = [f"rep{number}@acme.example" for number in range(5)]
    plants = [{"fault": "silently_dropped", "on": address, "seed": "gm-1"} for address in addresses[:struck]]
    data = small_world(()).model_dump(mode="json")
    data |= {"faults": plants, "reps": [{**data["reps"][0], "mailboxes": [{"address": one} for one in addresses]}]}
    told = truth.describe(World.model_validate(data))["mailboxes"]
    assert told[addresses[0]]["flagged"] == flagged
    assert told[addresses[-1]]["flagged"] == []


def small_world(plants: Sequence[Mapping[str, Any]]) -> World:
    """A rep whom the CRM sends for, with an alias at another domain."""
    mailboxes = [
        {"address": "rep@acme.example", "route": "crm"},
        {"address": "rep@other.example", "account": "rep@acme.example"},
    ]
    return World.model_validate(
        {
            "company": "Acme",
            "domains": [{"name": name, "hosted_at": "google"} for name in ("acme.example", "other.example")],
            "reps": [{"id": 1, "name": "Ann Rep", "email": "ann@crm.example", "mailboxes": mailboxes}],
            "seeds": SEEDS,
            "faults": plants,
        }
    )
