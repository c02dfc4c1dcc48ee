"""Diagnosis: the likely cause of a test's result, from its findings and scores.

Each rule looks for one cause and knows how well the cause explains what was seen: a
finding that explains the landing comes before one that is merely wrong. A diagnosis
never rests on something that is unknown.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from placement_pipeline.domain.findings import REASONS, Finding
from placement_pipeline.domain.scores.causes import EFFECTS, Effect
from placement_pipeline.domain.scores.placement_word import PlacementWord, WordedGroup
from placement_pipeline.domain.scores.scoring import Score
from placement_pipeline.domain.seeds.missing import Explanation
from placement_pipeline.domain.seeds.missing_reasons import REASONS as MISSING_REASONS
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.sends.refusals import RefusalCode
from placement_pipeline.domain.words import Placement, ProviderGroup, Route, SyncMode


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one test.

    Attributes:
        findings: of its domain, From address, tracking hosts and received messages.
        scores: one a provider group.
        placements: latest placement of each probe, by provider group.
        stop_code: why the test stopped, if it did.
        stop_detail: the same as a sentence.
        sync_mode: how Pipedrive is joined to the mailbox.
        route: who sent.
        sent_via: how the received messages were sent, as far as their headers tell: seeds by way.
        explanations: of the probes that show up nowhere.
        words: what the probes bear out, by provider group; empty where nothing was judged.
        has_control: whether the control mailbox was tested too.
        moved_count: probes that were moved after they had been delivered.
    """

    findings: Sequence[Finding]
    scores: Sequence[Score]
    placements: Mapping[ProviderGroup, Sequence[Placement]]
    stop_code: RefusalCode | None
    stop_detail: str | None
    sync_mode: SyncMode
    route: Route
    sent_via: Mapping[SentVia, int] = field(default_factory=dict)
    explanations: Sequence[Explanation] = ()
    words: Mapping[ProviderGroup, WordedGroup] = field(default_factory=dict)
    has_control: bool = False
    moved_count: int = 0

    @property
    def is_flagged(self) -> bool:
        """Whether any group is."""
        return any(score.flag is not None for score in self.scores)

    def has_spam(self) -> bool:
        """Whether spam, or no arrival at all, is what flags a group: at least half of what missed the inbox."""
        return self._is_flagged_by(_REJECTED, _TABBED)

    def has_promotions(self) -> bool:
        """Whether a tab other than Primary is what flags a group: at least half of what missed the inbox."""
        return self._is_flagged_by(_TABBED, _REJECTED)

    def has_mostly(self, placement: Placement) -> bool:
        """Whether this placement is what flags a group: at least half of what missed the inbox."""
        return self._is_flagged_by(frozenset({placement}), (_REJECTED | _TABBED) - {placement})

    def explained(self, placement: Placement) -> list[Explanation]:
        """The explanations that end in this placement, those of the commonest reason first."""
        held = [one for one in self.explanations if one.placement is placement]
        counts = Counter(one.reason_code for one in held)
        return sorted(held, key=lambda one: (-counts[one.reason_code], one.reason_code))

    def found(self, *codes: str) -> Finding | None:
        """The first finding with one of these reason codes."""
        return next((finding for code in codes for finding in self.findings if finding.code == code), None)

    def _is_flagged_by(self, kinds: frozenset[Placement], others: frozenset[Placement]) -> bool:
        for score in self.scores:
            held = self.placements.get(score.group, ())
            count = sum(placement in kinds for placement in held)
            if score.flag is not None and count > 0 and count >= sum(placement in others for placement in held):
                return True
        return False


_REJECTED = frozenset({Placement.SPAM, Placement.QUARANTINED, Placement.BOUNCED, Placement.MISSING})
_TABBED = frozenset({Placement.PROMOTIONS, Placement.SOCIAL, Placement.UPDATES, Placement.FORUMS})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A likely cause.

    Attributes:
        cause: the cause code.
        summary: one sentence for the sheet.
        evidence: the findings it rests on, as check, code and evidence.
        remedy: one sentence of what to do.
    """

    cause: str
    summary: str
    evidence: Sequence[Mapping[str, Any]]
    remedy: str


def diagnose(case: Case) -> list[Diagnosis]:
    """Likely causes, the likeliest first.

    Returns:
        For a flagged test at least one entry (``unexplained`` where no rule fits); for
        any other test only what is worth saying although nothing went wrong.
    """
    causes = [] if case.stop_code is None else [_stopped(case.stop_code, case.stop_detail)]
    if case.is_flagged:
        causes += [cause for rule in _RULES if (cause := rule(case)) is not None]
        causes += _others(case, causes)
        causes = causes or [_unexplained(case)]
    return causes + [note for rule in _NOTES if (note := rule(case)) is not None]


_SPF_FAULTS = (
    "spf_provider_missing",
    "spf_missing",
    "spf_multiple",
    "spf_syntax",
    "spf_lookup_limit",
    "spf_void_limit",
    "spf_loop",
    "spf_include_missing",
)


def _stopped(code: RefusalCode, detail: str | None) -> Diagnosis:
    return Diagnosis(code.value, code.meaning, [{"detail": detail}], code.remedy)


def _never_sent(case: Case) -> Diagnosis | None:
    # What lies at a broken seed is void, whether it was sent or not.
    is_unsent = all(score.not_sent_count + score.void_count == score.job_count for score in case.scores)
    if case.stop_code is not None or not is_unsent or not any(score.not_sent_count for score in case.scores):
        return None
    if unsent := case.explained(Placement.NOT_SENT):
        reason = MISSING_REASONS[unsent[0].reason_code]
        summary = f"{reason.meaning} That holds for all {_probes(len(unsent))} of this test that were taken."
        return Diagnosis("sent_and_lost", summary, _cite_explained(unsent), reason.remedy)
    if case.sync_mode is SyncMode.TWO_WAY:
        remedy = (
            "Start the sequence for the seed contacts from the rep's account while the test is open; if it did run, "
            "the sync is dead: reconnect the mailbox under Personal preferences, Email sync. Then re-test."
        )
    else:
        remedy = (
            f"The table says {_SYNC_WORDS[case.sync_mode]}, so Pipedrive cannot send: reconnect the mailbox for "
            "two-way sync under Personal preferences, Email sync, start the sequence, then re-test."
        )
    return Diagnosis(RefusalCode.NEVER_SENT.value, "Pipedrive has sent none of this test's messages.", [], remedy)


_SYNC_WORDS = {SyncMode.SMART_BCC: "Smart BCC", SyncMode.OFF: "that the sync is off"}


def _everyone(case: Case) -> Diagnosis | None:
    """What half of the team does is told first, unless the control mailbox shows that it is not everybody's."""
    hit = [group for group, worded in case.words.items() if worded.word is PlacementWord.EVERYONE]
    low = [group for group in hit if case.words[group].is_control_low]
    if not hit or (case.has_control and not low):
        return None
    names = " and ".join(group.shown for group in low or hit)
    beside = ", and so does the control mailbox" if low else ""
    return Diagnosis(
        "everyone",
        f"At least half of the team misses the inbox at {names}{beside}: the template, the provider or the seeds.",
        [{"provider_group": group, "control_is_low": case.words[group].is_control_low} for group in hit],
        "Mend what is common first: send the plain_control variant from the control mailbox; if that reaches the "
        "inbox, change the template, else look at the seeds and at the provider's week.",
    )


def _lost(case: Case) -> Diagnosis | None:
    """Probes that nobody knows anything of: where it was asked, and what else would tell."""
    lost = case.explained(Placement.MISSING)
    if not lost or not case.has_mostly(Placement.MISSING):
        return None
    reason = MISSING_REASONS[lost[0].reason_code]
    summary = f"{_share(case, lost)} missing. {reason.meaning}"
    return Diagnosis("lost", summary, _cite_explained(lost), reason.remedy)


def _bounced(case: Case) -> Diagnosis | None:
    return _of_bounces(case) if case.has_mostly(Placement.BOUNCED) else None


def _quarantined(case: Case) -> Diagnosis | None:
    return _of_quarantine(case) if case.has_mostly(Placement.QUARANTINED) else None


def _bounced_too(case: Case) -> Diagnosis | None:
    return None if case.has_mostly(Placement.BOUNCED) else _of_bounces(case)


def _quarantined_too(case: Case) -> Diagnosis | None:
    return None if case.has_mostly(Placement.QUARANTINED) else _of_quarantine(case)


def _of_bounces(case: Case) -> Diagnosis | None:
    bounced = case.explained(Placement.BOUNCED)
    if not bounced:
        return None
    first = MISSING_REASONS[bounced[0].reason_code]
    # A receiver says that mail is not authenticated; what is wrong with it, the findings know.
    deeper = _why_unauthenticated(case) if bounced[0].reason_code == "bounced_authentication" else None
    summary = f"{_share(case, bounced)} bounced: {_said(bounced[0])}. {deeper.summary if deeper else first.meaning}"
    return Diagnosis("bounced", summary, _cite_explained(bounced), deeper.remedy if deeper else first.remedy)


def _of_quarantine(case: Case) -> Diagnosis | None:
    held = case.explained(Placement.QUARANTINED)
    if not held:
        return None
    reason = MISSING_REASONS[held[0].reason_code]
    summary = f"{_share(case, held)} quarantined or filtered out. {reason.meaning}"
    return Diagnosis("quarantined", summary, _cite_explained(held), reason.remedy)


def _why_unauthenticated(case: Case) -> Diagnosis | None:
    return next((cause for rule in (_spf, _unsigned_domain, _authentication) if (cause := rule(case))), None)


def _listed(case: Case) -> Diagnosis | None:
    finding = case.found("tracking_host_listed")
    if finding is None or not case.has_spam():
        return None
    return _from("tracking_domain_listed", f"A link points at {finding.subject}, which is on a blocklist.", finding)


def _unsigned_domain(case: Case) -> Diagnosis | None:
    finding = case.found("dkim_provider_default")
    fails = case.found("dmarc_fail", "dmarc_none")
    if finding is None or fails is None or not case.has_spam() or case.found(*_SPF_FAULTS) is not None:
        return None
    return _from(
        "domain_not_signed",
        "Mail is signed with the provider's own domain instead of the sender's, so nothing vouches for the sender.",
        finding,
        case.found("dkim_key_missing"),
        fails,
    )


def _spf(case: Case) -> Diagnosis | None:
    finding = case.found(*_SPF_FAULTS)
    if finding is None or not case.has_spam() or case.found("dmarc_pass"):
        return None
    if finding.code in ("spf_provider_missing", "spf_missing"):
        summary = f"The SPF record of {finding.subject} does not allow the provider that sends its mail."
    else:
        summary = f"The SPF record of {finding.subject} cannot be evaluated, so it allows nobody."
    return _from("spf_provider_missing", summary, finding, case.found("dkim_provider_default", "dkim_unsigned"))


def _authentication(case: Case) -> Diagnosis | None:
    finding = case.found(*_of(Effect.AUTHENTICATION))
    if finding is None or not case.has_spam() or case.found("dmarc_pass"):
        return None
    meaning = "" if finding.code == "dmarc_fail" else f" {REASONS[finding.code].meaning}"
    return _from(
        "authentication_fails", f"Received mail fails authentication.{meaning}", finding, case.found("dmarc_fail")
    )


def _of(effect: Effect) -> list[str]:
    return [code for code, held in EFFECTS.items() if held is effect]


def _cold(case: Case) -> Diagnosis | None:
    finding = case.found("mailbox_cold")
    if finding is None or not case.has_spam():
        return None
    return _from("cold_mailbox", "The mailbox has hardly sent any mail yet, and filters do not know it.", finding)


def _crm_tracking(case: Case) -> Diagnosis | None:
    pixel, links = case.found("tracking_pixel"), case.found("links_rewritten")
    finding = pixel or links
    # Mail that is junked is junked for more than a pixel; the tabs are where campaigns go.
    if finding is None or not case.has_promotions():
        return None
    marks = " and ".join(mark for mark, one in (("a pixel", pixel), ("rewritten links", links)) if one is not None)
    source = "Pipedrive's open and click tracking" if case.route is Route.CRM else "Tracking in template or signature"
    return _from("crm_tracking", f"{source} ({marks}) makes the mail look like a campaign.", finding, links)


def _image_heavy(case: Case) -> Diagnosis | None:
    finding = case.found("image_heavy")
    if finding is None or not case.has_promotions():
        return None
    signature = case.found("signature_heavy")
    place = ", and the signature is what holds them" if signature else ""
    return _from("image_heavy", f"Pictures outweigh words{place}.", finding, signature)


_RULES: tuple[Callable[[Case], Diagnosis | None], ...] = (
    _never_sent,
    _everyone,
    _bounced,
    _quarantined,
    _listed,
    _spf,
    _unsigned_domain,
    _authentication,
    _crm_tracking,
    _image_heavy,
    _cold,
    _bounced_too,
    _quarantined_too,
    _lost,
)
"""In the order in which a cause explains a landing on its own."""


def _others(case: Case, causes: Sequence[Diagnosis]) -> list[Diagnosis]:
    """What else was found that explains the landing, each by its own code, the likelier first."""
    cited = {line["code"] for cause in causes for line in cause.evidence if "code" in line}
    told = {cause.cause for cause in causes}
    is_authenticated = case.found("dmarc_pass") is not None or "authentication_fails" in told
    seen = {
        Effect.AUTHENTICATION: case.has_spam() and not is_authenticated,
        Effect.REJECTION: case.has_spam(),
        Effect.TAB: case.has_promotions(),
        Effect.BOTH: case.has_spam() or case.has_promotions(),
    }
    found = [
        finding
        for code, effect in EFFECTS.items()
        if seen[effect] and code not in cited and (finding := case.found(code)) is not None
    ]
    return [_from(finding.code, REASONS[finding.code].meaning, finding) for finding in found]


def _delayed(case: Case) -> Diagnosis | None:
    count = sum(placement is Placement.DELAYED for held in case.placements.values() for placement in held)
    if not count:
        return None
    return Diagnosis(
        "delayed",
        f"{_probes(count)} came after the test's deadline, or had not come yet: no rate counts them.",
        _cite_explained(case.explained(Placement.DELAYED)),
        "Receivers make the mail of senders they do not know wait; if it happens again, keep the mailbox's volume low "
        "and steady, and re-test.",
    )


def _smart_bcc(case: Case) -> Diagnosis | None:
    if case.sync_mode is not SyncMode.SMART_BCC:
        return None
    return Diagnosis(
        "sync_smart_bcc",
        "Pipedrive has fallen back to Smart BCC for this mailbox: replies no longer reach the CRM.",
        [],
        "In Pipedrive, Personal preferences, Email sync: reconnect the mailbox for two-way sync.",
    )


def _sent_natively(case: Case) -> Diagnosis | None:
    """The CRM route measures tracking only where Pipedrive's sync sent; a roster that says otherwise is told anyway."""
    by_hand = {way: case.sent_via.get(way, 0) for way in (SentVia.NATIVE, SentVia.SMART_BCC)}
    if case.route is not Route.CRM or case.sync_mode is not SyncMode.TWO_WAY or not any(by_hand.values()):
        return None
    known = sum(case.sent_via.values())
    return Diagnosis(
        "crm_sent_natively",
        f"{sum(by_hand.values())} of {known} received messages came from the rep's own mail client and not through "
        "Pipedrive's sync, so its tracking was not measured in them.",
        [{"sync": str(case.sync_mode), "sent_via": {str(way): count for way, count in case.sent_via.items() if count}}],
        "Let Pipedrive itself send: start the sequence from the rep's account; if the sync fell back to Smart BCC, "
        "reconnect the mailbox, and until then write smart_bcc in the table. Then re-test.",
    )


def _at_risk(case: Case) -> Diagnosis | None:
    """A mailbox that reaches the inbox all the same, with a domain that does not vouch for it."""
    if case.is_flagged or case.stop_code is not None:
        return None
    failing = [
        finding
        for finding in case.findings
        if finding.status == "fail" and finding.check in ("spf", "dkim", "dmarc") and finding.code in EFFECTS
    ]
    if not failing:
        return None
    meanings = " ".join(dict.fromkeys(REASONS[finding.code].meaning for finding in failing[:3]))
    return _from("authentication_at_risk", f"It reaches the inbox, and yet: {meanings}", failing[0], *failing[1:])


def _moved(case: Case) -> Diagnosis | None:
    if not case.moved_count or not case.is_flagged:
        return None
    return Diagnosis(
        "moved_after_delivery",
        f"{_probes(case.moved_count)} lay elsewhere at first: the provider moved them after delivery.",
        [],
        "Providers judge mail again when others complain or read it; if the last place is worse, go by it and re-test.",
    )


_NOTES: tuple[Callable[[Case], Diagnosis | None], ...] = (_at_risk, _sent_natively, _delayed, _moved, _smart_bcc)
"""What is worth saying whether or not a test is flagged."""


def _unexplained(case: Case) -> Diagnosis:
    unknown = [finding for finding in case.findings if finding.status == "unknown"]
    asked = "Some checks could not be made; run them again. " if unknown else ""
    return Diagnosis(
        "unexplained",
        "No audited fact explains the result.",
        [_cite(finding) for finding in unknown],
        f"{asked}Re-test, and compare with the plain_control and no_signature variants.",
    )


def _from(cause: str, summary: str, finding: Finding, *others: Finding | None) -> Diagnosis:
    cited = [finding, *(other for other in others if other is not None and other is not finding)]
    return Diagnosis(cause, summary, [_cite(one) for one in cited], finding.remedy)


def _cite(finding: Finding) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "check": finding.check,
        "code": finding.code,
        "evidence": dict(finding.evidence),
    }


def _cite_explained(explanations: Sequence[Explanation]) -> list[Mapping[str, Any]]:
    """The reasons with how many probes they are of, and the evidence of one of those."""
    counts = Counter(one.reason_code for one in explanations)
    firsts = {one.reason_code: one for one in reversed(explanations)}
    return [
        {"reason_code": code, "probe_count": count, "evidence": dict(firsts[code].evidence)}
        for code, count in counts.most_common()
    ]


def _share(case: Case, explanations: Sequence[Explanation]) -> str:
    return f"{len(explanations)} of {_probes(sum(len(held) for held in case.placements.values()))}"


def _probes(count: int) -> str:
    return "1 probe" if count == 1 else f"{count} probes"


def _said(explanation: Explanation) -> str:
    """The refusing host's code and words, as far as the notice tells them."""
    notice = explanation.evidence.get("notice")
    status, said = (
        (str(notice.get(name) or "") for name in ("status", "said")) if isinstance(notice, Mapping) else ("", "")
    )
    words = (said if status in said else f"{status} {said}").strip(" .") or "the receiver does not say why"
    return words if len(words) <= _SAID_CHARS else words[:_SAID_CHARS] + "…"


_SAID_CHARS = 200
