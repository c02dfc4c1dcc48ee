"""What was planted and what the pipeline should therefore find: the yardstick for demo and tests.

Derived from the world file and the fault catalogue alone, by rules written here by hand,
never from what the receiving filters did: so it can say that they are wrong. What is
drawn by chance is drawn as it is for the receivers; the truth is that of the first message
to each seed, before any of the world's changes. Faults of DNS and the listings in ``names``
are not reckoned with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from placement_pipeline.domain.words import ProviderGroup, Route, SyncMode
from placement_pipeline.sandbox.world.accounts import past_of
from placement_pipeline.sandbox.world.chance import reaches_inbox, seed_effect
from placement_pipeline.sandbox.world.faults import EVERYONE, FACTS, REPS, Fault, Faults, Letter, Plant
from placement_pipeline.sandbox.world.file import Domain, Mailbox, World, WorldSeed
from placement_pipeline.sandbox.world.past import IN_TIME
from placement_pipeline.sandbox.world.templates import TEMPLATE_ID
from placement_pipeline.sandbox.world.zones import organizational_domain

#: The worst of what happens at several seeds names the whole.
_SEVERITY = ("inbox", "promotions", "spam", "quarantined", "missing", "bounced", "not_sent")
_FLAGGED_GROUPS = ("gmail", "microsoft365")
_FLAGGED_BELOW = 0.8
_COMMON_SHARE, _TELLING_COUNT = 0.75, 5
_OF_THE_ACCOUNT = (Fault.COLD_MAILBOX, Fault.TOKEN_REVOKED)
_SEED_STATES = {Fault.BROKEN_SEED: "seed_broken", Fault.SEED_FULL: "seed_broken", Fault.USER_RULE: "moved_by_rule"}
_STRICT = 0.4
"""Of seeds at Google and Microsoft: from here on, mail of a sender without history is spam."""


def describe(world: World) -> dict[str, Any]:
    """Tell what was planted.

    Returns:
        ``mailboxes`` (one per sending address, the control too: rep, account, route, faults,
        expected placement by provider group without what is wrong with single seeds or messages,
        the groups that must be flagged, for which its own single messages count and what a seed
        does to everybody's does not, planted rates of the inbox by group, the
        placement of the first message to each seed with all of it, cause codes, codes of the
        audits' findings; of a past with replies the weeks, counted back from the world's start:
        first touches, and how many of them had been answered within seven days), ``seeds``
        (expected state, faults, what it adds to the log-odds of the inbox), ``single_messages``
        (each mailbox and seed that a fault is on) and ``dns``.
    """
    mailboxes = [(mailbox, rep.name) for rep in world.reps for mailbox in rep.mailboxes]
    described = [_describe_mailbox(world, mailbox, rep) for mailbox, rep in mailboxes]
    if world.control:
        described.append(_describe_mailbox(world, Mailbox(address=world.control.address), None))
    return {
        "mailboxes": {mailbox["address"]: mailbox for mailbox in described},
        "seeds": {seed.id: _describe_seed(world, seed) for seed in world.seeds},
        "single_messages": [
            {"fault": plant.fault.value, "mailbox": mailbox["address"], "seed_id": plant.seed, "seconds": plant.seconds}
            for plant in world.faults
            if _is_of_single_messages(plant)
            for mailbox in described
            if plant.is_on(mailbox["address"], world.is_control(mailbox["address"]))
        ],
        "dns": [
            {"fault": plant.fault.value, "name": plant.on}
            for plant in world.faults
            if FACTS[plant.fault].subject == "dns_name"
        ],
    }


def _describe_mailbox(world: World, mailbox: Mailbox, rep: str | None) -> dict[str, Any]:
    domain = world.domain_of(mailbox.address)
    plants = [plant for plant in world.faults if _concerns(world, plant, mailbox, domain)]
    sender = _Sender(world, mailbox, Faults(plants))
    groups = list(dict.fromkeys(seed.group for seed in world.seeds))
    lands = {group: [sender.lands(seed) for seed in world.seeds if seed.group is group] for group in groups}
    single = [one for one in world.faults if _is_of_single_messages(one) and not _is_common(world, one.seed)]
    with_single = _Sender(world, mailbox, Faults((*plants, *single)))
    flagged = [
        group
        for group in _FLAGGED_GROUPS
        if group in lands and _misses([with_single.lands(seed) for seed in world.seeds if seed.group == group])
    ]
    causes = [plant.fault for plant in plants if sender.shows(plant) and (flagged or plant.fault is Fault.SMART_BCC)]
    everything = _Sender(world, mailbox, Faults(world.faults))
    return {
        "address": mailbox.address,
        "rep": rep,
        "account": mailbox.login,
        "route": mailbox.route.value,
        "faults": [{"fault": plant.fault.value, "subject": plant.on} for plant in plants],
        "expected": {group.value: _sum_up(words) for group, words in lands.items()},
        "flagged": flagged,
        "inbox_rates": {group.value: rate for group in groups if (rate := sender.inbox_rate(group)) is not None},
        "placements": {seed.id: everything.lands_in_the_end(seed) for seed in world.seeds},
        "causes": list(dict.fromkeys(code for fault in causes if (code := FACTS[fault].cause_code))),
        "weeks": _weeks(world, mailbox),
        "findings": _findings([plant.fault for plant in plants if sender.is_seen(plant)], domain),
    }


def _weeks(world: World, mailbox: Mailbox) -> dict[int, dict[str, int]]:
    if mailbox.account is not None or mailbox.past.reply_rate is None:
        return {}
    # The past is the same whenever the world began.
    past = past_of(world, Faults(world.faults), mailbox.address, mailbox.past, datetime(2026, 1, 1, tzinfo=UTC))
    replies = past.replies_between(past.first_sent_at, past.ends_at)
    in_time = {reply.first.id for reply in replies if reply.first and reply.sent_at - reply.first.sent_at <= IN_TIME}
    weeks: dict[int, dict[str, int]] = {}
    for message in past.sent_between(past.first_sent_at, past.ends_at):
        if message.first is None:
            week = weeks.setdefault(past.weeks_ago(message.sent_at), {"first_touch_count": 0, "replied_count": 0})
            week["first_touch_count"] += 1
            week["replied_count"] += message.id in in_time
    return weeks


def _misses(words: Sequence[str]) -> bool:
    return sum(word == "inbox" for word in words) < _FLAGGED_BELOW * len(words)


def _sum_up(words: Iterable[str]) -> str:
    """One word for what happens at the seeds of a group: what happens at all of them, or the worst of it in part."""
    found = sorted(set(words), key=_SEVERITY.index)
    return found[0] if len(found) == 1 else f"partly_{found[-1]}"


def _findings(faults: Sequence[Fault], domain: Domain) -> list[str]:
    """What the audits should find; a domain that the world leaves unsigned is found like one that lost its key."""
    unsigned = () if domain.dkim else FACTS[Fault.ALIAS_WITHOUT_DKIM].finding_codes
    return list(dict.fromkeys((*(code for fault in faults for code in FACTS[fault].finding_codes), *unsigned)))


def _concerns(world: World, plant: Plant, mailbox: Mailbox, domain: Domain) -> bool:
    """Whether a fault is this mailbox's own, and not that of a seed or of single messages."""
    match FACTS[plant.fault].subject:
        case "mailbox":
            return plant.on == mailbox.address or (plant.fault in _OF_THE_ACCOUNT and plant.on == mailbox.login)
        case "domain":
            is_of_envelope = plant.fault is Fault.SPF_WITHOUT_PROVIDER
            return plant.on == (_envelope_domain(world, mailbox) if is_of_envelope else domain.name)
        case "mail":
            return plant.seed is None and plant.is_on(mailbox.address, world.is_control(mailbox.address))
        case _:
            return False


def _is_of_single_messages(plant: Plant) -> bool:
    return FACTS[plant.fault].subject == "mail" and plant.seed is not None


def _is_common(world: World, seed_id: str | None) -> bool:
    """Whether the single messages that faults are on at a seed are nearly everybody's: that is trouble of the seed."""
    at_seed = [plant for plant in world.faults if _is_of_single_messages(plant) and plant.seed == seed_id]
    if any(plant.on in (EVERYONE, REPS) for plant in at_seed):
        return True
    struck = sum(any(plant.is_on(mailbox.address, False) for plant in at_seed) for mailbox in world.mailboxes)
    return len(world.mailboxes) >= _TELLING_COUNT and struck >= _COMMON_SHARE * len(world.mailboxes)


def _envelope_domain(world: World, mailbox: Mailbox) -> str:
    """Google leaves the account in the envelope, Microsoft writes the address in From there."""
    at_google = world.domain_of(mailbox.address).hosted_at == "google"
    return (mailbox.login if at_google else mailbox.address).rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class _Proof:
    """What a receiver can verify of a message.

    Attributes:
        has_spf: SPF passes for the domain of the envelope.
        signatures: whether each holds; None where there is no usable key.
        is_aligned: something that holds is of From's own domain.
    """

    has_spf: bool
    signatures: tuple[bool | None, ...]
    is_aligned: bool


class _Sender:
    """Where a mailbox's mail lands with these faults in place."""

    def __init__(self, world: World, mailbox: Mailbox, faults: Faults) -> None:
        self._world, self._mailbox, self._faults = world, mailbox, faults
        self._domain = world.domain_of(mailbox.address)

    def lands_in_the_end(self, seed: WorldSeed) -> str:
        """The placement of the first message at a seed, with what is wrong with the seed itself."""
        word = self.lands(seed)
        state = next((state for fault, state in _SEED_STATES.items() if self._faults.has(fault, seed.id)), None)
        if state is None or word == "not_sent":
            return word
        return state if state == "seed_broken" or word in ("inbox", "promotions") else word

    def lands(self, seed: WorldSeed) -> str:
        """The placement of the first message at a seed that is in order."""
        letter = self._letter(seed)
        if self._is_silent():
            return "not_sent"
        for fault, word in ((Fault.QUARANTINED, "quarantined"), (Fault.SILENTLY_DROPPED, "missing")):
            if self._faults.striking(fault, letter):
                return word
        proof, policy = self._proof(letter), self._policy()
        is_spam = self._is_disliked(letter)
        match seed.group:
            case ProviderGroup.GMAIL:
                if not proof.is_aligned and policy == "reject":
                    return "bounced"
                is_spam |= not proof.is_aligned and policy == "quarantine"
                is_spam |= not proof.has_spf and not any(proof.signatures)
                is_spam |= self._is_listed() or (self._is_cold() and seed.strictness >= _STRICT)
            case ProviderGroup.MICROSOFT365:
                is_spam |= not proof.is_aligned
                is_spam |= self._is_listed() or (self._is_cold() and seed.strictness >= _STRICT)
            case ProviderGroup.REGIONAL:
                is_spam |= self._points(seed, proof, policy) > 5
        if is_spam or self._faults.striking(Fault.MOVED_AFTER_DELIVERY, letter):
            return "spam"
        is_promotion = self._is_picture() or self._is_tracked()
        return "promotions" if is_promotion and seed.group is ProviderGroup.GMAIL else "inbox"

    def inbox_rate(self, group: ProviderGroup) -> float | None:
        """The rate that is planted for a whole group; None where chance has no say."""
        letter = Letter(self._mailbox.address, self._world.is_control(self._mailbox.address), "", group)
        plant = self._faults.striking(Fault.INBOX_RATE, letter)
        return plant.rate if plant else None

    def is_seen(self, plant: Plant) -> bool:
        """Whether a fault can be seen in the mail: a picture or rewritten links hide the signature's own."""
        match plant.fault:
            case Fault.LISTED_TRACKING_DOMAIN:
                return self._is_listed()
            case Fault.CRM_TRACKING:
                return self._is_tracked()
            case _:
                return True

    def shows(self, plant: Plant) -> bool:
        """Whether a fault can be the cause of where the mail lands."""
        match plant.fault:
            case (
                Fault.ALIAS_WITHOUT_DKIM
                | Fault.SPF_WITHOUT_PROVIDER
                | Fault.DKIM_KEY_MISSING
                | Fault.DKIM_KEY_REVOKED
                | Fault.BODY_CHANGED
            ):
                return any(not self._proof(self._letter(seed)).is_aligned for seed in self._world.seeds)
            case Fault.TOKEN_REVOKED:
                return self._is_silent()
            case _:
                return self.is_seen(plant)

    def _letter(self, seed: WorldSeed) -> Letter:
        return self._world.letter(self._mailbox.address, seed, frozenset({TEMPLATE_ID}))

    def _is_silent(self) -> bool:
        """Without its grant nothing is sent, but by hand on the CRM's route where Pipedrive does not send."""
        is_by_hand = self._mailbox.route is Route.CRM and not self._is_sent_by_pipedrive()
        return self._faults.has(Fault.TOKEN_REVOKED, self._mailbox.login) and not is_by_hand

    def _is_sent_by_pipedrive(self) -> bool:
        is_two_way = self._mailbox.sync is SyncMode.TWO_WAY and not self._has(Fault.SMART_BCC)
        return self._mailbox.route is Route.CRM and is_two_way

    def _is_tracked(self) -> bool:
        return self._has(Fault.CRM_TRACKING) and self._is_sent_by_pipedrive()

    def _is_picture(self) -> bool:
        return self._has(Fault.IMAGE_HEAVY_SIGNATURE)

    def _is_cold(self) -> bool:
        return self._faults.has(Fault.COLD_MAILBOX, self._mailbox.login)

    def _is_listed(self) -> bool:
        """A receiver sees the hosts that links lead to: of a rewritten link the tracking host, of a picture none."""
        return self._has(Fault.LISTED_TRACKING_DOMAIN) and not self._is_tracked() and not self._is_picture()

    def _is_disliked(self, letter: Letter) -> bool:
        plant = self._faults.striking(Fault.INBOX_RATE, letter)
        is_unlucky = (
            plant is not None
            and plant.rate is not None
            and not reaches_inbox(self._world.chance, plant.rate, letter.sender, letter.seed_id, 1)
        )
        return is_unlucky or self._faults.striking(Fault.JUNKED, letter) is not None

    def _has(self, fault: Fault) -> bool:
        return self._faults.has(fault, self._mailbox.address)

    def _policy(self) -> str | None:
        """What DMARC asks of receivers: the domain's own record, or its organizational domain's."""
        own = organizational_domain(self._domain.name)
        above: Mapping[str, str | None] = {domain.name: domain.dmarc for domain in self._world.domains}
        return self._domain.dmarc or above.get(own)

    def _proof(self, letter: Letter) -> _Proof:
        name, envelope = self._domain.name, _envelope_domain(self._world, self._mailbox)
        is_whole = self._faults.striking(Fault.BODY_CHANGED, letter) is None
        has_spf = not self._faults.has(Fault.SPF_WITHOUT_PROVIDER, envelope)
        is_aligned = has_spf and organizational_domain(envelope) == organizational_domain(name)
        if not self._domain.dkim or self._faults.has(Fault.ALIAS_WITHOUT_DKIM, name):
            return _Proof(has_spf, (is_whole,), is_aligned)
        bad = self._faults.find(Fault.DKIM_KEY_MISSING, name) or self._faults.find(Fault.DKIM_KEY_REVOKED, name)
        if bad is None:
            return _Proof(has_spf, (is_whole,), is_aligned or is_whole)
        return _Proof(has_spf, (None, is_whole), is_aligned or (is_whole and bad.beside == "own"))

    def _points(self, seed: WorldSeed, proof: _Proof, policy: str | None) -> float:
        """A regional provider adds up: every weakness has its weight, and above five it is spam."""
        points = -0.2 if proof.has_spf else 2.0
        points += sum({True: -0.2, False: 1.0, None: 0.5}[holds] for holds in proof.signatures)
        if policy is not None:
            points += -0.5 if proof.is_aligned else {"none": 1.5, "quarantine": 5.5, "reject": 6.5}[policy]
        points += 6.5 if self._is_listed() else 0
        points += round(7 * seed.strictness, 1) if self._is_cold() else 0
        return points + (1.0 if self._is_picture() else 0)


def _describe_seed(world: World, seed: WorldSeed) -> dict[str, Any]:
    own = [plant.fault for plant in world.faults if FACTS[plant.fault].subject == "seed" and plant.on == seed.id]
    common = [
        {"fault": plant.fault.value, "subject": plant.on}
        for plant in world.faults
        if _is_of_single_messages(plant) and plant.seed == seed.id and plant.on in (EVERYONE, REPS)
    ]
    return {
        "family": seed.family.value,
        "faults": [fault.value for fault in own],
        "common_faults": common,
        "expected": next((_SEED_STATES[fault] for fault in own), "healthy"),
        "effect": seed_effect(world.chance, seed.id),
    }
