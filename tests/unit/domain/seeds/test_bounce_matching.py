"""Each notice is given to the probe it is about and to no other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from placement_pipeline.domain.seeds.bounce_matching import (
    NOTICE_SPAN,
    NoticeMatch,
    SentProbe,
    assign_notices,
)
from placement_pipeline.domain.seeds.bounces import read_notice
from placement_pipeline.domain.seeds.notices import Action, Notice
from tests.unit.domain.seeds.notices import HEADERS, MESSAGE_ID, OTHER_TOKEN, SEED, TOKEN, report, status_part

SENT_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
PROBE = SentProbe(("t-1", "seed-1"), TOKEN, MESSAGE_ID, SEED, SENT_AT)
REFUSED = report(status_part(status="5.7.26"))


def read(raw: bytes) -> Notice:
    notice = read_notice(raw)
    assert notice is not None
    return notice


def assigned(raw: bytes, *probes: SentProbe) -> dict[tuple[str, str], list[NoticeMatch]]:
    found = assign_notices([read(raw)], probes or (PROBE,))
    return {key: [report.match for report in reports] for key, reports in found.items()}


WITHOUT_TOKEN = HEADERS.replace(f"X-Placement-Probe: {TOKEN}\n", "")
WITHOUT_RETURN = report(status_part(), returned=None)


def test_the_token_decides_before_all_else() -> None:
    other = replace(PROBE, key=("t-2", "seed-1"), token=OTHER_TOKEN)
    assert assigned(REFUSED, other, PROBE) == {PROBE.key: [NoticeMatch.TOKEN]}
    assert assigned(REFUSED, other) == {}, "another probe's notice is not taken for this one's, same recipient or not"


def test_without_a_token_the_returned_message_id_decides() -> None:
    raw = report(status_part(), returned=WITHOUT_TOKEN)
    assert assigned(raw) == {PROBE.key: [NoticeMatch.MESSAGE_ID]}
    assert assigned(raw, replace(PROBE, message_id="<other@sales.example>")) == {}
    assert assigned(raw, replace(PROBE, message_id=None)) == {}


def test_without_either_recipient_and_time_decide_where_they_leave_one_probe() -> None:
    assert assigned(WITHOUT_RETURN) == {PROBE.key: [NoticeMatch.RECIPIENT]}
    later = replace(PROBE, key=("t-2", "seed-1"), token=OTHER_TOKEN, sent_at=SENT_AT + timedelta(minutes=5))
    assert assigned(WITHOUT_RETURN, PROBE, later) == {}, "two probes could be meant"
    elsewhere = replace(later, to_address="tom@seed.example")
    assert assigned(WITHOUT_RETURN, PROBE, elsewhere) == {PROBE.key: [NoticeMatch.RECIPIENT]}
    for moment in (SENT_AT + timedelta(hours=3), SENT_AT - NOTICE_SPAN - timedelta(hours=3)):
        assert assigned(WITHOUT_RETURN, replace(PROBE, sent_at=moment)) == {}, "not in its time"
    assert assigned(report(status_part(), returned=None, date=None)) == {}


def test_a_recipient_renamed_on_the_way_is_recognised_by_its_original_name() -> None:
    raw = report(status_part(recipient="sam.m@inner.example", original=SEED), returned=None)
    assert assigned(raw) == {PROBE.key: [NoticeMatch.RECIPIENT]}


def test_of_several_recipients_the_probes_own_report_counts() -> None:
    both = status_part(recipient="tom@seed.example", status="5.2.2") + "\n" + status_part().partition("\n\n")[2]
    (report_on,) = assign_notices([read(report(both))], [PROBE])[PROBE.key]
    assert report_on.recipient.status == "5.1.1"


def test_several_notices_of_one_probe_keep_their_order() -> None:
    late = report(status_part(action="delayed", status="4.4.1"))
    found = assign_notices([read(REFUSED), read(late)], [PROBE])[PROBE.key]
    assert [one.recipient.action for one in found] == [Action.FAILED, Action.DELAYED]
