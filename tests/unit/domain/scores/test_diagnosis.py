from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.findings import REASONS, Finding, SubjectKind, make_finding
from placement_pipeline.domain.scores.causes import EFFECTS, NEVER_A_CAUSE, Effect
from placement_pipeline.domain.scores.diagnosis import Case, diagnose
from placement_pipeline.domain.scores.placement_word import PlacementWord, WordedGroup
from placement_pipeline.domain.scores.scoring import score_group
from placement_pipeline.domain.seeds.missing import Explanation
from placement_pipeline.domain.seeds.missing_reasons import REASONS as MISSING_REASONS
from placement_pipeline.domain.seeds.sent_via import SentVia
from placement_pipeline.domain.sends.refusals import RefusalCode
from placement_pipeline.domain.words import CheckStatus, Placement, ProviderGroup, Route, SyncMode
from placement_pipeline.settings import Scoring

GMAIL, MICROSOFT, REGIONAL = ProviderGroup.GMAIL, ProviderGroup.MICROSOFT365, ProviderGroup.REGIONAL
WELL = [Placement.PRIMARY] * 5
SPAM = [Placement.SPAM] * 5
TABBED = [Placement.PROMOTIONS] * 5


def finding(code: str) -> Finding:
    names = {name: "x" for _, name, _, _ in Formatter().parse(REASONS[code].remedy) if name and name != "subject"}
    return make_finding(code, SubjectKind.DOMAIN, "acme.example", {"seen": code}, **names)


def case(
    *codes: str,
    gmail: Sequence[Placement] = SPAM,
    microsoft: Sequence[Placement] = WELL,
    regional: Sequence[Placement] = (),
    **changes: Any,
) -> Case:
    placements: Mapping[ProviderGroup, Sequence[Placement]] = {GMAIL: gmail, MICROSOFT: microsoft, REGIONAL: regional}
    rules = Scoring()
    fields: dict[str, Any] = {
        "findings": [finding(code) for code in codes],
        "scores": [score_group(group, placements[group], rules.inbox, rules.flag_below_rate) for group in placements],
        "placements": placements,
        "stop_code": None,
        "stop_detail": None,
        "sync_mode": SyncMode.TWO_WAY,
        "route": Route.MAILBOX,
    }
    return Case(**(fields | changes))


def causes(judged: Case) -> list[str]:
    return [diagnosis.cause for diagnosis in diagnose(judged)]


@pytest.mark.parametrize(
    ("codes", "placements", "cause"),
    [
        (("tracking_host_listed",), SPAM, "tracking_domain_listed"),
        (("spf_provider_missing", "dkim_unsigned", "dmarc_fail"), SPAM, "spf_provider_missing"),
        (("spf_missing",), SPAM, "spf_provider_missing"),
        (("dkim_provider_default", "dkim_key_missing", "dmarc_fail"), SPAM, "domain_not_signed"),
        (("dkim_provider_default", "dmarc_none"), SPAM, "domain_not_signed"),
        (("spf_multiple", "dmarc_fail"), SPAM, "spf_provider_missing"),
        (("spf_lookup_limit", "dmarc_none"), SPAM, "spf_provider_missing"),
        (("dkim_unaligned", "dmarc_none"), SPAM, "authentication_fails"),
        (("mailbox_cold", "dmarc_fail"), SPAM, "authentication_fails"),
        (("tracking_pixel",), SPAM, "unexplained"),
        (("dkim_body_changed", "dmarc_fail"), SPAM, "authentication_fails"),
        (("receiver_phish",), SPAM, "receiver_phish"),
        (("unfilled_merge_field",), TABBED, "unfilled_merge_field"),
        (("links_rewritten",), TABBED, "crm_tracking"),
        (("image_heavy",), TABBED, "image_heavy"),
        (("mailbox_cold",), SPAM, "cold_mailbox"),
        (("mailbox_cold",), [Placement.MISSING] * 5, "cold_mailbox"),
        (("dkim_failed",), SPAM, "authentication_fails"),
        (("dmarc_fail",), SPAM, "authentication_fails"),
        ((), SPAM, "unexplained"),
    ],
)
def test_a_cause_that_explains_the_landing_comes_first(
    codes: tuple[str, ...], placements: list[Placement], cause: str
) -> None:
    assert causes(case(*codes, gmail=placements))[0] == cause


@pytest.mark.parametrize(
    "codes",
    [
        ("tracking_host_listed",),
        ("spf_provider_missing",),
        ("dkim_provider_default", "dmarc_fail"),
        ("mailbox_cold",),
        ("dkim_unsigned",),
    ],
)
def test_what_explains_spam_does_not_explain_promotions(codes: tuple[str, ...]) -> None:
    assert causes(case(*codes, gmail=TABBED)) == ["unexplained"]


def test_one_spam_among_tabbed_mail_does_not_let_a_cause_of_spam_lead() -> None:
    mixed = [Placement.SPAM, *[Placement.PROMOTIONS] * 4]
    assert causes(case("mailbox_cold", "image_heavy", gmail=mixed)) == ["image_heavy"]


def test_an_unsigned_message_that_passes_dmarc_fails_nothing() -> None:
    assert causes(case("dkim_unsigned", "dmarc_pass")) == ["unexplained"]


def test_tracking_is_pipedrives_only_where_pipedrive_sent_and_names_what_was_found() -> None:
    (by_crm,) = diagnose(case("tracking_pixel", "links_rewritten", gmail=TABBED, route=Route.CRM))
    (by_mailbox,) = diagnose(case("tracking_pixel", gmail=TABBED))
    assert "Pipedrive" in by_crm.summary
    assert "a pixel and rewritten links" in by_crm.summary
    assert "Pipedrive" not in by_mailbox.summary
    assert "rewritten links" not in by_mailbox.summary


def test_pictures_explain_promotions_and_not_spam() -> None:
    assert causes(case("image_heavy", gmail=SPAM)) == ["unexplained"]


def test_spf_is_no_cause_where_dmarc_passes_all_the_same() -> None:
    assert causes(case("spf_provider_missing", "dmarc_pass")) == ["unexplained"]


def test_the_providers_default_signature_is_no_cause_while_spf_carries_dmarc() -> None:
    assert causes(case("dkim_provider_default", "dmarc_pass")) == ["unexplained"]


def test_a_missing_spf_entry_is_told_before_the_signature_it_leaves_alone() -> None:
    assert "domain_not_signed" not in causes(case("spf_missing", "dkim_provider_default", "dmarc_fail"))


def test_a_cause_cites_its_evidence_and_says_what_to_do() -> None:
    (first, *_) = diagnose(case("dkim_provider_default", "dkim_key_missing", "dmarc_fail"))
    assert [cited["code"] for cited in first.evidence] == ["dkim_provider_default", "dkim_key_missing", "dmarc_fail"]
    assert first.evidence[0]["evidence"] == {"seen": "dkim_provider_default"}
    assert first.remedy == finding("dkim_provider_default").remedy


def test_a_test_that_is_not_flagged_has_no_cause_and_says_that_its_domain_does_not_vouch_for_it() -> None:
    """Reps who were not flagged and whose SPF, DKIM or DMARC failed once got no line."""
    (only,) = diagnose(case("spf_missing", "dmarc_fail", "tracking_host_listed", gmail=WELL))
    assert only.cause == "authentication_at_risk"
    assert [cited["code"] for cited in only.evidence] == ["spf_missing", "dmarc_fail"]
    assert only.remedy == finding("spf_missing").remedy
    assert causes(case("dkim_key_weak", "tracking_host_listed", "mailbox_cold", gmail=WELL)) == []


def test_bad_landing_at_the_regional_provider_alone_flags_nothing() -> None:
    assert causes(case("mailbox_cold", gmail=WELL, regional=SPAM)) == []


FAULTY = {code for code, reason in REASONS.items() if reason.status in (CheckStatus.FAIL, CheckStatus.WARN)}


def test_every_code_that_fails_or_warns_has_its_place_or_a_reason_why_it_is_never_a_cause() -> None:
    """59 of the 87 codes were named by no rule, and "no audited fact" stood over failing findings."""
    assert EFFECTS.keys() | NEVER_A_CAUSE.keys() == FAULTY
    assert not EFFECTS.keys() & NEVER_A_CAUSE.keys()
    assert all(reason.endswith(".") for reason in NEVER_A_CAUSE.values())


@pytest.mark.parametrize("code", EFFECTS)
def test_a_code_with_an_effect_is_named_where_it_explains_the_landing_and_nowhere_else(code: str) -> None:
    explained_by_spam, explained_by_tabs = (
        code in {line["code"] for one in diagnose(case(code, gmail=landing)) for line in one.evidence}
        for landing in (SPAM, TABBED)
    )
    effect = EFFECTS[code]
    assert explained_by_spam is (effect is not Effect.TAB)
    assert explained_by_tabs is (effect in (Effect.TAB, Effect.BOTH))


@pytest.mark.parametrize("code", NEVER_A_CAUSE)
def test_a_code_that_is_never_a_cause_leaves_the_result_unexplained(code: str) -> None:
    assert causes(case(code, gmail=SPAM)) == causes(case(code, gmail=TABBED)) == ["unexplained"]


def test_a_broken_signature_says_what_broke_it_and_how_it_is_mended() -> None:
    """The remedy was the general one where dkim_body_changed or a revoked key knew better."""
    for code in ("dkim_body_changed", "dkim_key_revoked"):
        (first, *_) = diagnose(case("dmarc_fail", code))
        assert (first.cause, first.remedy) == ("authentication_fails", finding(code).remedy)
        assert REASONS[code].meaning in first.summary


def everyones(*, is_control_low: bool) -> dict[str, Any]:
    worded = WordedGroup(5, 0, PlacementWord.EVERYONE, 0.9, is_control_low, 0)
    return {"words": {GMAIL: worded}, "has_control": True}


def test_what_fails_half_of_the_team_and_the_control_mailbox_is_told_before_what_is_private() -> None:
    """A template that was junk for everybody gave seven private diagnoses, and no word that the control failed too."""
    first, second = diagnose(case("mailbox_cold", **everyones(is_control_low=True)))
    assert (first.cause, second.cause) == ("everyone", "cold_mailbox")
    assert "at Gmail, and so does the control mailbox" in first.summary
    assert causes(case("mailbox_cold", **everyones(is_control_low=False))) == ["cold_mailbox"], "not the template"
    unknown = everyones(is_control_low=False) | {"has_control": False}
    assert causes(case("mailbox_cold", **unknown)) == ["everyone", "cold_mailbox"]


def test_lost_probes_say_what_is_known_of_them() -> None:
    """They read "unexplained" although their explanations were there."""
    lost = [Placement.MISSING] * 5
    (only,) = diagnose(case(gmail=lost, explanations=explained("log_silent", 5)))
    assert only.cause == "lost"
    assert only.summary.startswith("5 of 10 probes missing. The message left the mailbox")
    assert only.remedy == MISSING_REASONS["log_silent"].remedy


def test_probes_that_were_moved_after_delivery_are_told() -> None:
    _, note = diagnose(case("mailbox_cold", moved_count=2))
    assert (note.cause, note.summary[:8]) == ("moved_after_delivery", "2 probes")
    assert causes(case(gmail=WELL, moved_count=2)) == [], "it flags nothing"


@pytest.mark.parametrize("code", [code for code, reason in REASONS.items() if reason.status is CheckStatus.UNKNOWN])
def test_what_is_unknown_is_never_a_cause_but_is_shown_to_be_asked_again(code: str) -> None:
    (only,) = diagnose(case(code))
    assert (only.cause, [cited["code"] for cited in only.evidence]) == ("unexplained", [code])
    assert "run them again" in only.remedy


@pytest.mark.parametrize("code", [code for code, reason in REASONS.items() if reason.status is CheckStatus.PASS])
def test_what_is_right_is_never_a_cause(code: str) -> None:
    assert causes(case(code)) == ["unexplained"]


@pytest.mark.parametrize("code", RefusalCode)
def test_a_test_that_was_stopped_says_what_stopped_it_first(code: RefusalCode) -> None:
    unsent = [Placement.NOT_SENT] * 5
    (first, *_) = diagnose(case(gmail=unsent, microsoft=unsent, stop_code=code, stop_detail="What stopped it."))
    assert first.cause == code
    assert first.evidence == [{"detail": "What stopped it."}]
    assert (first.summary, first.remedy) == (code.meaning, code.remedy)
    assert first.summary.endswith(".")
    assert first.remedy.endswith(".")


def test_a_test_that_was_stopped_half_way_still_says_why_the_rest_landed_badly() -> None:
    judged = case(
        "mailbox_cold", gmail=[*SPAM, Placement.NOT_SENT], stop_code=RefusalCode.DAILY_LIMIT, stop_detail="Limit."
    )
    assert causes(judged) == ["daily_limit", "cold_mailbox"]


def explained(code: str, count: int = 1, status: str = "5.7.26", said: str = "550 5.7.26 no.") -> list[Explanation]:
    evidence: dict[str, Any] = {"notice": {"status": status, "said": said}} if "bounced" in code else {}
    return [Explanation(MISSING_REASONS[code].placement, code, evidence)] * count


BOUNCED = [*[Placement.PRIMARY] * 2, *[Placement.BOUNCED] * 3]


def test_bounces_that_flag_a_group_are_told_first_with_their_count_code_and_words() -> None:
    judged = case("mailbox_cold", gmail=BOUNCED, explanations=explained("bounced_policy", 3, "5.7.1", "550 blocked."))
    first, second = diagnose(judged)
    assert (first.cause, second.cause) == ("bounced", "cold_mailbox")
    assert first.summary.startswith("3 of 10 probes bounced: 5.7.1 550 blocked. The receiver refuses")
    assert [(one["reason_code"], one["probe_count"]) for one in first.evidence] == [("bounced_policy", 3)]
    assert first.evidence[0]["evidence"]["notice"]["status"] == "5.7.1"
    assert first.remedy == MISSING_REASONS["bounced_policy"].remedy


def test_a_bounce_for_want_of_authentication_says_what_the_findings_know_of_it() -> None:
    codes, explanations = ("spf_provider_missing", "dmarc_fail"), explained("bounced_authentication", 3)
    first, second, *_ = diagnose(case(*codes, gmail=BOUNCED, explanations=explanations))
    assert (first.cause, second.cause) == ("bounced", "spf_provider_missing")
    assert "bounced: 550 5.7.26 no. The SPF record" in first.summary
    assert first.remedy == second.remedy
    (alone,) = diagnose(case(gmail=BOUNCED, explanations=explanations))
    assert alone.remedy == MISSING_REASONS["bounced_authentication"].remedy


def test_fewer_bounces_than_spam_are_told_after_what_explains_the_spam() -> None:
    mixed = [*[Placement.SPAM] * 3, Placement.BOUNCED]
    assert causes(case("mailbox_cold", gmail=mixed, explanations=explained("bounced_other"))) == [
        "cold_mailbox",
        "bounced",
    ]
    assert causes(case(gmail=WELL, explanations=explained("bounced_other"))) == [], "nothing is flagged"


def test_mail_held_in_quarantine_is_told_as_that() -> None:
    held = [*[Placement.FOCUSED] * 2, *[Placement.QUARANTINED] * 2]
    judged = case(gmail=WELL, microsoft=held, explanations=explained("log_quarantined", 2))
    (only,) = diagnose(judged)
    assert only.cause == "quarantined"
    assert only.summary.startswith("2 of 9 probes quarantined")
    some = case(gmail=WELL, microsoft=[*SPAM, Placement.QUARANTINED], explanations=explained("log_quarantined"))
    assert causes(some) == ["quarantined"]


def test_delayed_mail_is_told_although_it_flags_nothing() -> None:
    late = [*WELL, Placement.DELAYED, Placement.DELAYED]
    (only,) = diagnose(case(gmail=late, explanations=explained("notice_delayed")))
    assert (only.cause, only.summary[:8]) == ("delayed", "2 probes")
    assert [one["reason_code"] for one in only.evidence] == ["notice_delayed"]
    assert causes(case(gmail=[*SPAM, Placement.DELAYED])) == ["unexplained", "delayed"]
    assert causes(case(gmail=WELL)) == []


def test_probes_that_were_taken_and_never_left_are_not_blamed_on_pipedrive() -> None:
    unsent = [Placement.NOT_SENT] * 3
    (only,) = diagnose(case(gmail=unsent, microsoft=unsent, explanations=explained("unsent", 6)))
    assert only.cause == "sent_and_lost"
    assert "Pipedrive" not in only.summary
    assert "all 6 probes" in only.summary


def test_a_sequence_that_sent_nothing_is_told_and_one_that_sent_something_is_not() -> None:
    unsent = [Placement.NOT_SENT] * 3
    assert causes(case(gmail=unsent, microsoft=unsent)) == ["never_sent"]
    assert "never_sent" not in causes(case(gmail=unsent, microsoft=WELL))


def test_a_broken_seed_does_not_hide_that_nothing_was_sent() -> None:
    unsent = [Placement.NOT_SENT, Placement.NOT_SENT, Placement.SEED_BROKEN]
    assert causes(case(gmail=unsent, microsoft=unsent, regional=[Placement.SEED_BROKEN])) == ["never_sent"]


def test_smart_bcc_is_told_even_where_all_is_well_and_after_the_cause_where_not() -> None:
    assert causes(case(gmail=WELL, sync_mode=SyncMode.SMART_BCC)) == ["sync_smart_bcc"]
    assert causes(case("mailbox_cold", sync_mode=SyncMode.SMART_BCC)) == ["cold_mailbox", "sync_smart_bcc"]


@pytest.mark.parametrize(
    ("mode", "says"),
    [(SyncMode.TWO_WAY, "Start the sequence"), (SyncMode.SMART_BCC, "Smart BCC"), (SyncMode.OFF, "the sync is off")],
)
def test_what_to_do_about_a_sequence_that_sent_nothing_depends_on_the_sync(mode: SyncMode, says: str) -> None:
    unsent = [Placement.NOT_SENT] * 3
    (first, *_) = diagnose(case(gmail=unsent, microsoft=unsent, route=Route.CRM, sync_mode=mode))
    assert first.cause == "never_sent"
    assert says in first.remedy
    assert "re-test" in first.remedy


NATIVE, SMART_BCC, SYNC, UNKNOWN = SentVia.NATIVE, SentVia.SMART_BCC, SentVia.TWO_WAY_SYNC, SentVia.UNKNOWN


@pytest.mark.parametrize("sent_via", [{NATIVE: 10}, {SMART_BCC: 10}, {NATIVE: 1, SYNC: 9}, {SMART_BCC: 1, UNKNOWN: 9}])
def test_a_crm_test_that_pipedrive_did_not_send_is_told_with_its_evidence(sent_via: Mapping[SentVia, int]) -> None:
    (note,) = diagnose(case(gmail=WELL, route=Route.CRM, sent_via=sent_via))
    assert note.cause == "crm_sent_natively"
    assert f"{sent_via.get(NATIVE, 0) + sent_via.get(SMART_BCC, 0)} of 10" in note.summary
    assert note.evidence == [{"sync": "two_way", "sent_via": {str(way): count for way, count in sent_via.items()}}]


@pytest.mark.parametrize(
    "changes",
    [
        {"sent_via": {SYNC: 10}},
        {"sent_via": {UNKNOWN: 10}},
        {"sent_via": {SentVia.OWN_API: 10}},
        {"sent_via": {NATIVE: 0}},
        {"sent_via": {}},
        {"sent_via": {NATIVE: 10}, "route": Route.MAILBOX},
        {"sent_via": {NATIVE: 10}, "sync_mode": SyncMode.OFF},
    ],
)
def test_what_pipedrive_sent_or_nobody_knows_or_the_roster_says_too_is_not_told(changes: dict[str, Any]) -> None:
    assert causes(case(gmail=WELL, **({"route": Route.CRM} | changes))) == []


def test_a_native_send_comes_after_the_cause_and_does_not_explain_it_away() -> None:
    judged = case("mailbox_cold", route=Route.CRM, sent_via={NATIVE: 10})
    assert causes(judged) == ["cold_mailbox", "crm_sent_natively"]
    assert causes(case(route=Route.CRM, sent_via={NATIVE: 10})) == ["unexplained", "crm_sent_natively"]


@given(
    st.lists(st.sampled_from(sorted(REASONS)), max_size=8),
    st.lists(st.sampled_from(Placement), max_size=6),
    st.lists(st.sampled_from(Placement), max_size=6),
    st.sampled_from(SyncMode),
    st.none() | st.sampled_from(RefusalCode),
    st.sampled_from(Route),
    st.dictionaries(st.sampled_from(SentVia), st.integers(0, 9)),
    st.lists(st.sampled_from(sorted(MISSING_REASONS)), max_size=4),
)
def test_every_flagged_test_gets_a_cause_with_a_remedy_and_no_cause_twice(
    codes: list[str],
    gmail: list[Placement],
    microsoft: list[Placement],
    sync_mode: SyncMode,
    stop_code: RefusalCode | None,
    route: Route,
    sent_via: Mapping[SentVia, int],
    missing: list[str],
) -> None:
    known: dict[str, Any] = {
        "sync_mode": sync_mode,
        "stop_code": stop_code,
        "route": route,
        "sent_via": sent_via,
        "explanations": [one for code in missing for one in explained(code)],
    }
    judged = case(*codes, gmail=gmail, microsoft=microsoft, **known)
    found = diagnose(judged)
    named = [diagnosis.cause for diagnosis in found]
    assert len(named) == len(set(named))
    assert all(diagnosis.summary and diagnosis.remedy for diagnosis in found)
    if judged.is_flagged:
        assert set(named) - {"sync_smart_bcc", "crm_sent_natively", "delayed"}
    cited = {line["code"] for one in found if one.cause != "unexplained" for line in one.evidence if "code" in line}
    assert not any(REASONS[code].status is CheckStatus.UNKNOWN for code in cited)
