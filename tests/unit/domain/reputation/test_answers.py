"""What blocklists answer: listed, clean or nothing said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.dns import Answer, BadName, Data, NoData
from placement_pipeline.domain.reputation.answers import ListKind, Standing, read_answer
from tests.unit.domain.zones import FAILURES

LISTED, SUSPECT, POLICY, CLEAN, UNKNOWN = Standing
DOCUMENTED = {
    ListKind.DBL: {f"127.0.1.{last}": LISTED for last in (2, 4, 5, 6, 102, 103, 104, 105, 106)},
    ListKind.SURBL: {
        **{f"127.0.0.{last}": LISTED for last in (8, 16, 64, 128, 80, 254, 12)},
        "127.0.0.32": SUSPECT,
        "127.0.0.4": CLEAN,
    },
    ListKind.URIBL: {
        "127.0.0.2": LISTED,
        "127.0.0.6": LISTED,
        "127.0.0.14": LISTED,
        "127.0.0.4": SUSPECT,
        "127.0.0.8": SUSPECT,
        "127.0.0.12": SUSPECT,
    },
    ListKind.ZEN: {
        **{f"127.0.0.{last}": LISTED for last in (2, 3, 4, 5, 6, 7, 8, 9, 30)},
        "127.0.0.10": POLICY,
        "127.0.0.11": POLICY,
    },
}
REFUSED = {
    ListKind.DBL: ["127.0.1.255", "127.0.1.1", "127.0.1.3", "127.0.0.2"],
    ListKind.SURBL: ["127.0.0.1", "127.0.0.2", "127.0.0.0"],
    ListKind.URIBL: ["127.0.0.1", "127.0.0.255", "127.0.0.16", "127.0.0.3", "127.0.1.2"],
    ListKind.ZEN: ["127.0.0.1", "127.0.0.12", "127.0.1.2", "127.0.0.255"],
}
EVERYWHERE = ["127.255.255.252", "127.255.255.254", "127.255.255.255", "127.255.255.250", "203.0.113.7", "0", "", "::1"]


@pytest.mark.parametrize(
    ("kind", "code", "standing"),
    [(kind, code, standing) for kind, codes in DOCUMENTED.items() for code, standing in codes.items()],
)
def test_each_documented_code_has_its_standing_and_names_itself(kind: ListKind, code: str, standing: Standing) -> None:
    reading = read_answer(Data((code,)), kind)
    assert reading.standing is standing
    assert (code in reading.detail) is (standing is not CLEAN)


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind in ListKind for code in (*REFUSED[kind], *EVERYWHERE)]
)
def test_a_refusal_or_an_undocumented_code_is_unknown(kind: ListKind, code: str) -> None:
    assert read_answer(Data((code,)), kind).standing is UNKNOWN


@pytest.mark.parametrize("kind", ListKind)
@pytest.mark.parametrize("answer", [*FAILURES, BadName("label"), Data(())], ids=str)
def test_no_answer_is_unknown(kind: ListKind, answer: Answer) -> None:
    assert read_answer(answer, kind).standing is UNKNOWN


@pytest.mark.parametrize("kind", ListKind)
@pytest.mark.parametrize("is_nxdomain", [True, False])
def test_a_name_the_list_certainly_does_not_have_is_clean(kind: ListKind, is_nxdomain: bool) -> None:
    assert read_answer(NoData(is_nxdomain), kind).standing is CLEAN


def test_a_refusal_beside_a_listing_makes_both_worthless() -> None:
    assert read_answer(Data(("127.0.1.2", "127.255.255.252")), ListKind.DBL).standing is UNKNOWN
    assert read_answer(Data(("127.0.0.2", "127.0.0.1")), ListKind.URIBL).standing is UNKNOWN


def test_policy_beside_a_listing_is_a_listing_and_both_are_told() -> None:
    reading = read_answer(Data(("127.0.0.11", "127.0.0.4")), ListKind.ZEN)
    assert reading.standing is LISTED
    assert reading.detail == "PBL, by Spamhaus (127.0.0.11), XBL (127.0.0.4)"


_CODES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.ip_addresses(v=4).map(str),
        st.integers(0, 255).map("127.0.0.{}".format),
        st.integers(0, 255).map("127.0.1.{}".format),
        st.integers(0, 255).map("127.255.255.{}".format),
    ),
    max_size=6,
)


@given(_CODES, st.sampled_from(ListKind))
def test_no_answer_crashes_the_reader(codes: list[str], kind: ListKind) -> None:
    reading = read_answer(Data(tuple(codes)), kind)
    assert bool(reading.detail) is (reading.standing is not CLEAN)


@given(_CODES, st.sampled_from(ListKind), st.data())
def test_a_further_listed_code_never_makes_a_listing_milder(
    codes: list[str], kind: ListKind, data: st.DataObject
) -> None:
    more = data.draw(st.sampled_from([code for code, standing in DOCUMENTED[kind].items() if standing is LISTED]))
    before = read_answer(Data(tuple(codes)), kind).standing
    after = read_answer(Data((*codes, more)), kind).standing
    assert after in ((UNKNOWN, LISTED) if before is UNKNOWN else (LISTED,))
