"""The world file: the default one is what was asked for, and every mistake gives one clear line."""

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from placement_pipeline.domain.words import ProviderFamily
from placement_pipeline.sandbox.world.faults import Fault
from placement_pipeline.sandbox.world.file import World, WorldError, load_world


def smallest_world() -> dict[str, Any]:
    """A world that loads, to be broken in one place."""
    return {
        "company": "Acme",
        "domains": [{"name": "acme.example", "hosted_at": "google"}],
        "reps": [
            {
                "id": 1,
                "name": "Ann",
                "email": "ann@acme.example",
                "mailboxes": [{"address": "ann@acme.example"}],
            }
        ],
        "seeds": [
            {
                "id": "gmail-01",
                "address": "nora@seed.example",
                "family": "gmail",
                "contact": {"name": "Nora", "company": "Nord"},
            }
        ],
    }


def load(data: object, folder: Path) -> World:
    path = folder / "world.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return load_world(path)


def test_the_default_world_has_the_team_and_seeds_that_were_asked_for(world: World) -> None:
    assert len(world.reps) == 10
    assert len(world.mailboxes) >= 12
    families = Counter(seed.family for seed in world.seeds)
    assert families == {
        ProviderFamily.GMAIL: 6,
        ProviderFamily.GOOGLE_WORKSPACE: 4,
        ProviderFamily.MICROSOFT365: 4,
        ProviderFamily.OUTLOOK_COM: 3,
        ProviderFamily.REGIONAL: 3,
    }
    assert world.control is not None


def test_the_default_world_plants_every_fault_but_those_that_would_hide_the_others(world: World) -> None:
    planted = {plant.fault for plant in world.faults}
    assert set(Fault) - planted == {
        Fault.DNS_SERVFAIL, Fault.DNS_TIMEOUT, Fault.DNS_REFUSED,
        Fault.QUARANTINED, Fault.SILENTLY_DROPPED, Fault.SEED_FULL,
        Fault.JUNKED, Fault.INBOX_RATE, Fault.BODY_CHANGED, Fault.DKIM_KEY_MISSING, Fault.DKIM_KEY_REVOKED,
        Fault.REPLY_RATE_FELL,
    }  # fmt: skip


def test_the_default_world_has_an_example_of_each_fault_that_it_does_not_plant(world: World, tmp_path: Path) -> None:
    text = files("placement_pipeline.sandbox").joinpath("worlds/default.yaml").read_text(encoding="utf-8")
    shown = re.sub(r"(?m)^  # (- \{fault: )", r"  \1", text)
    shown = shown.replace("{weeks: 210, weekly_sent: 52}", "{weeks: 210, weekly_sent: 52, reply_rate: 0.1}")
    (tmp_path / "world.yaml").write_text(shown, encoding="utf-8")
    examples = load_world(tmp_path / "world.yaml").faults
    assert {plant.fault for plant in examples} == set(Fault)
    assert len(examples) > len(world.faults)


def test_a_small_world_loads(tmp_path: Path) -> None:
    assert load(smallest_world(), tmp_path).company == "Acme"


@pytest.mark.parametrize("key", ["on", '"on"'])
def test_a_bare_on_is_read_as_a_name_not_as_yes(tmp_path: Path, key: str) -> None:
    path = tmp_path / "world.yaml"
    text = yaml.safe_dump(smallest_world()) + f"faults:\n- {{fault: cold_mailbox, {key}: ann@acme.example}}\n"
    path.write_text(text, encoding="utf-8")
    assert load_world(path).faults[0].on == "ann@acme.example"


def plant(**values: Any) -> dict[str, Any]:
    return {**smallest_world(), "faults": [values]}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in smallest_world().items() if key != name}


def with_domain(**values: Any) -> dict[str, Any]:
    return {**smallest_world(), "domains": [{"name": "acme.example", "hosted_at": "google", **values}]}


def with_changes(*changes: dict[str, Any]) -> dict[str, Any]:
    return {**smallest_world(), "changes": list(changes)}


def with_past(**values: Any) -> dict[str, Any]:
    (rep,) = smallest_world()["reps"]
    return {**smallest_world(), "reps": [{**rep, "mailboxes": [{"address": "ann@acme.example", "past": values}]}]}


def with_seed(**values: Any) -> dict[str, Any]:
    return {**smallest_world(), "seeds": [{**smallest_world()["seeds"][0], **values}]}


def with_control() -> dict[str, Any]:
    return {**smallest_world(), "control": {"address": "control@acme.example"}}


def test_a_fault_may_be_on_the_control_mailbox_on_a_domain_on_all_reps_or_on_everyone(tmp_path: Path) -> None:
    plants = [
        {"fault": "cold_mailbox", "on": "control@acme.example"},
        *({"fault": "junked", "on": on} for on in ("control@acme.example", "acme.example", "reps", "everyone")),
    ]
    assert len(load({**with_control(), "faults": plants}, tmp_path).faults) == 5


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (without("seeds"), "seeds: this field is missing"),
        ({**smallest_world(), "sedes": []}, "sedes: there is no such field; check the spelling"),
        (["reps"], "must be a mapping"),
        (with_domain(hosted_at="yahoo"), "domains.0.hosted_at: Input should be 'google' or 'microsoft'"),
        (with_domain(tenant="acme"), "domain acme.example: set tenant for a Microsoft domain, and only there"),
        (with_domain(name="other.example"), "mailbox ann@acme.example: its domain is not among the domains"),
        ({**smallest_world(), "seeds": smallest_world()["seeds"] * 2}, "seeds: gmail-01 stands there twice"),
        (plant(fault="frozen", on="ann@acme.example"), "faults.0.fault: Input should be"),
        (plant(fault="cold_mailbox", on="bob@acme.example"), "the world has no mailbox bob@acme.example"),
        (plant(fault="user_rule", on="gmail-01"), "user_rule on gmail-01 needs folder"),
        (plant(fault="cold_mailbox", on="ann@acme.example", host="x.example"), "has no use for host"),
        (
            plant(fault="delayed_delivery", on="ann@acme.example", seed="gmail-09", seconds=1),
            "the world has no seed gmail-09",
        ),
        (plant(fault="crm_tracking", on="ann@acme.example"), "give it route: crm"),
        (plant(fault="quarantined", on="ann@acme.example", seed="gmail-01"), "lives in no tenant"),
        (plant(fault="quarantined", on="everyone"), "quarantined on everyone needs seed"),
        (plant(fault="junked", on="everybody"), "the world has no mailbox or domain everybody"),
        (plant(fault="junked", on="reps", group="gmial"), "faults.0.group: Input should be 'gmail'"),
        (plant(fault="junked", on="reps", group="regional"), "the world has no seed of the group regional"),
        (plant(fault="junked", on="reps", group="gmail", seed="gmail-01"), "takes a seed or a group, not both"),
        (plant(fault="junked", on="reps", template="second-contact"), "the world has no template second-contact"),
        (plant(fault="inbox_rate", on="reps"), "inbox_rate on reps needs rate"),
        (plant(fault="inbox_rate", on="reps", rate=1.2), "faults.0.rate: Input should be less than or equal to 1"),
        (plant(fault="inbox_rate", on="reps", rate=0.5, template="first-contact"), "has no use for template"),
        (plant(fault="dkim_key_missing", on="acme.example", beside="both"), "faults.0.beside: Input should be"),
        (plant(fault="body_changed", on="acme.example", beside="own"), "has no use for beside"),
        (
            {**with_domain(dkim=False), "faults": [{"fault": "dkim_key_revoked", "on": "acme.example"}]},
            "acme.example must sign with a key of its own",
        ),
        (
            {
                **with_control(),
                "faults": [{"fault": "smart_bcc", "on": "control@acme.example"}],
            },
            "control@acme.example is the control mailbox, which the CRM does not know",
        ),
        (plant(fault="reply_rate_fell", on="ann@acme.example", rate=0.1), "needs weeks_ago"),
        (
            plant(fault="reply_rate_fell", on="ann@acme.example", rate=0.1, weeks_ago=3),
            "ann@acme.example has no past with a reply_rate",
        ),
        (with_past(follow_up_rate=0.2), "reps.0.mailboxes.0.past: follow_up_rate shows in headers alone"),
        (with_changes({"name": "new"}), "changes.0: change new: give it a template, or signature_of and host"),
        (with_changes({"name": "new", "signature_of": "ann@acme.example"}), "give it a template, or signature_of"),
        (
            with_changes({"name": "new", "signature_of": "bob@acme.example", "host": "go.example"}),
            "change new: the world has no mailbox bob@acme.example",
        ),
        (
            with_changes({"name": "new", "template": {"a secnd warehouse": "a shop"}}),
            "change new: the template does not say 'a secnd warehouse'",
        ),
        (with_changes(*[{"name": "new", "template": {"stock": "goods"}}] * 2), "changes: new stands there twice"),
        (with_past(reply_rate=7), "past.reply_rate: Input should be less than or equal to 1"),
        (
            {**smallest_world(), "holidays": [{"weeks_ago": 2}, {"weeks_ago": 2, "factor": 0.5}]},
            "holidays: week 2 stands there twice",
        ),
        (with_seed(log_admin="nora@seed.example"), "seed gmail-01: only a google_workspace seed has a log_admin"),
        (
            with_seed(family="google_workspace", log_admin="paul@seed.example"),
            "seed gmail-01: log_admin paul@seed.example is no seed of seed.example",
        ),
        ({**smallest_world(), "chance": {"seed_sd": -1}}, "chance.seed_sd: Input should be greater than or equal to 0"),
        (plant(fault="cold_mailbox", on="control@acme.example"), "the world has no mailbox control@acme.example"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_place(tmp_path: Path, data: object, line: str) -> None:
    with pytest.raises(WorldError) as error:
        load(data, tmp_path)
    assert line in str(error.value)
    assert str(error.value).startswith("world.yaml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", "not valid YAML"),
        (f"a: {'[' * 5000}", "not valid YAML"),
        ("a: 2026-99-99", "not valid YAML"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_yaml_or_not_there_is_one_line_too(tmp_path: Path, text: str | None, line: str) -> None:
    path = tmp_path / "world.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(WorldError, match=line) as error:
        load_world(path)
    assert "\n" not in str(error.value)
