"""What was planted and what the pipeline should therefore find: the yardstick for demo and tests.

Derived from the world file and the fault catalogue alone, never from what the receiving
filters did: so it can say that they are wrong.
"""

from collections.abc import Sequence
from typing import Any

from placement_pipeline.sandbox.world.faults import FACTS, Fault, Plant
from placement_pipeline.sandbox.world.file import Domain, Mailbox, World

_GROUPS = ("gmail", "microsoft365", "regional")
#: The worst of several faults decides.
_SEVERITY = ("inbox", "promotions", "partly_spam", "spam", "bounced", "not_sent")
_FLAGGED_GROUPS = ("gmail", "microsoft365")
_DOMAIN_FAULTS = (Fault.ALIAS_WITHOUT_DKIM, Fault.SPF_WITHOUT_PROVIDER)
_OF_THE_ACCOUNT = (Fault.COLD_MAILBOX, Fault.TOKEN_REVOKED)


def describe(world: World) -> dict[str, Any]:
    """Tell what was planted.

    Returns:
        ``mailboxes`` (one per sending address, the control too: rep, account, route, faults,
        expected placement by provider group, groups that must be flagged, cause codes, codes
        of the audits' findings),
        ``seeds`` (expected state and faults), ``single_messages`` and ``dns``.
    """
    mailboxes = [_describe_mailbox(world, mailbox, rep.name) for rep in world.reps for mailbox in rep.mailboxes]
    if world.control:
        mailboxes.append(_describe_mailbox(world, Mailbox(address=world.control.address), None))
    return {
        "mailboxes": {mailbox["address"]: mailbox for mailbox in mailboxes},
        "seeds": {seed.id: _describe_seed(world, seed.id) for seed in world.seeds},
        "single_messages": [
            {"fault": plant.fault.value, "mailbox": plant.on, "seed_id": plant.seed, "seconds": plant.seconds}
            for plant in world.faults
            if FACTS[plant.fault].subject == "pair"
        ],
        "dns": [
            {"fault": plant.fault.value, "name": plant.on}
            for plant in world.faults
            if FACTS[plant.fault].subject == "dns_name"
        ],
    }


def _describe_mailbox(world: World, mailbox: Mailbox, rep: str | None) -> dict[str, Any]:
    domain = world.domain_of(mailbox.address)
    plants = [plant for plant in world.faults if _concerns(plant, mailbox, domain)]
    expected = dict.fromkeys(_GROUPS, "inbox")
    for plant in plants:
        for group, placement in _expected(plant.fault, domain).items():
            expected[group] = max(expected[group], placement, key=_SEVERITY.index)
    return {
        "address": mailbox.address,
        "rep": rep,
        "account": mailbox.login,
        "route": mailbox.route.value,
        "faults": [{"fault": plant.fault.value, "subject": plant.on} for plant in plants],
        "expected": expected,
        "flagged": [group for group in _FLAGGED_GROUPS if expected[group] != "inbox"],
        "causes": [cause for plant in plants if (cause := FACTS[plant.fault].cause_code)],
        "findings": _findings([plant.fault for plant in plants], domain),
    }


def _findings(faults: Sequence[Fault], domain: Domain) -> list[str]:
    """What the audits should find; a domain that the world leaves unsigned is found like one that lost its key."""
    unsigned = () if domain.dkim else FACTS[Fault.ALIAS_WITHOUT_DKIM].finding_codes
    return list(dict.fromkeys((*(code for fault in faults for code in FACTS[fault].finding_codes), *unsigned)))


def _concerns(plant: Plant, mailbox: Mailbox, domain: Domain) -> bool:
    match FACTS[plant.fault].subject:
        case "mailbox":
            return plant.on == mailbox.address or (plant.fault in _OF_THE_ACCOUNT and plant.on == mailbox.login)
        case "domain":
            return plant.on == domain.name
        case _:
            return False


def _expected(fault: Fault, domain: Domain) -> dict[str, str]:
    """The catalogue's expectation, unless the domain decides otherwise.

    Mail that passes DMARC no more is treated as the domain's own policy asks; a domain
    that is still signed as itself passes DMARC without SPF.
    """
    if fault not in _DOMAIN_FAULTS:
        return dict(FACTS[fault].expected)
    if fault is Fault.SPF_WITHOUT_PROVIDER and domain.dkim:
        return {}
    match domain.dmarc:
        case "reject":
            return {"gmail": "bounced", "microsoft365": "spam", "regional": "spam"}
        case "quarantine":
            return {"gmail": "spam", "microsoft365": "spam", "regional": "spam"}
        case _:
            return {"microsoft365": "spam"}


def _describe_seed(world: World, seed_id: str) -> dict[str, Any]:
    faults = [plant.fault for plant in world.faults if FACTS[plant.fault].subject == "seed" and plant.on == seed_id]
    states = {Fault.BROKEN_SEED: "seed_broken", Fault.SEED_FULL: "seed_broken", Fault.USER_RULE: "moved_by_rule"}
    return {
        "family": world.seed(seed_id).family.value,
        "faults": [fault.value for fault in faults],
        "expected": next((states[fault] for fault in faults if fault in states), "healthy"),
    }
