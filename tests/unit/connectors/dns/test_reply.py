"""Reading replies: what each says, held against dnspython, and that no bytes break it."""

import struct
from itertools import pairwise

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.dns.reply import ENDLESS, LONGEST_CHAIN, ReplyReading, read_reply
from placement_pipeline.domain.dns import Answer, CannotTell, Data, Failure, NoData, RecordType

SOA = "example. 60 IN SOA ns.example. hostmaster.example. 1 7200 900 1209600 30"


def make(
    *answer: str,
    name: str = "acme.example.",
    rtype: str = "TXT",
    authority: tuple[str, ...] = (),
    code: int = 0,
    flags: int = dns.flags.QR | dns.flags.RD | dns.flags.RA,
) -> dns.message.QueryMessage:
    """A reply whose sections are lines of a zone file."""
    message = dns.message.make_response(dns.message.make_query(name, rtype, use_edns=0))
    message.flags = dns.flags.Flag(flags)
    message.set_rcode(dns.rcode.Rcode.make(code))
    for section, lines in ((message.answer, answer), (message.authority, authority)):
        for line in lines:
            owner, ttl, rclass, kind, text = line.split(" ", 4)
            one = dns.rrset.from_text(owner, int(ttl), rclass, kind, text)
            held = message.find_rrset(section, one.name, one.rdclass, one.rdtype, create=True)
            held.add(one[0], int(ttl))
    assert isinstance(message, dns.message.QueryMessage)
    return message


def read(message: dns.message.Message, rtype: RecordType = "TXT") -> ReplyReading:
    return read_reply(message.to_wire(), rtype)


def test_records_are_text_sorted_with_the_least_ttl() -> None:
    reply = make('acme.example. 300 IN TXT "v=spf1 " "-all"', 'acme.example. 60 IN TXT "a\\195\\169\\255"')
    assert read(reply) == ReplyReading(Data(("aé\ufffd", "v=spf1 -all")), 60)


@pytest.mark.parametrize(
    ("rtype", "text", "expected"),
    [
        ("MX", "10 Mail.acme.example.", "10 Mail.acme.example"),
        ("MX", "0 .", "0 ."),
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("NS", "ns.acme.example.", "ns.acme.example"),
        ("PTR", "host.acme.example.", "host.acme.example"),
        ("CNAME", "other.example.", "other.example"),
        ("SOA", "ns.example. root.example. 1 2 3 4 5", "ns.example. root.example. 1 2 3 4 5"),
        ("TXT", '""', ""),
    ],
)
def test_each_type_has_its_text(rtype: RecordType, text: str, expected: str) -> None:
    reply = make(f"acme.example. 300 IN {rtype} {text}", rtype=rtype)
    assert read(reply, rtype).answer == Data((expected,))


def test_cnames_are_followed_in_any_order_and_any_case_and_bound_the_ttl() -> None:
    reply = make(
        'Deep.test. 300 IN TXT "found"',
        "ACME.example. 20 IN CNAME middle.example.",
        "MIDDLE.example. 300 IN CNAME deep.test.",
    )
    assert read(reply) == ReplyReading(Data(("found",), ("middle.example", "Deep.test")), 20)


def test_records_of_other_names_types_and_classes_are_no_answer() -> None:
    reply = make('other.example. 300 IN TXT "x"', "acme.example. 300 IN MX 1 a.", 'acme.example. 300 CH TXT "x"')
    assert read(reply) == ReplyReading(NoData(False))


def test_nothing_there_may_be_kept_for_as_long_as_the_zones_soa_says() -> None:
    assert read(make(authority=(SOA,), code=3)) == ReplyReading(NoData(True), 30)
    assert read(make(authority=(SOA,))) == ReplyReading(NoData(False), 30)
    assert read(make(code=3)) == ReplyReading(NoData(True), 0)


def test_a_name_that_does_not_exist_keeps_the_chain_that_led_to_it() -> None:
    reply = make("acme.example. 10 IN CNAME gone.example.", authority=(SOA,), code=3)
    assert read(reply) == ReplyReading(NoData(True, ("gone.example",)), 10)


def test_a_chain_that_nobody_ended_leaves_a_rest_to_ask_for() -> None:
    link = "acme.example. 300 IN CNAME else.where.test."
    rest = b"\4else\5where\4test\0"
    assert read(make(link)) == ReplyReading(NoData(False, ("else.where.test",)), 300, rest)
    assert read(make(link, authority=(SOA,))).rest == rest, "the SOA is another zone's"
    assert read(make(link, authority=(SOA.replace("example.", "test.", 1),))).rest is None


def test_a_circle_of_cnames_is_no_proof_of_absence() -> None:
    assert read(make("acme.example. 9 IN CNAME b.example.", "b.example. 9 IN CNAME acme.example.")).answer == ENDLESS


@pytest.mark.parametrize(("links", "is_endless"), [(LONGEST_CHAIN, False), (LONGEST_CHAIN + 1, True)])
def test_a_chain_has_an_end(links: int, is_endless: bool) -> None:
    names = ["acme.example.", *(f"n{number}.example." for number in range(links))]
    chain = [f"{one} 9 IN CNAME {other}" for one, other in pairwise(names)]
    answer = read(make(*chain, f'{names[-1]} 9 IN TXT "x"')).answer
    assert answer == ENDLESS if is_endless else isinstance(answer, Data) and len(answer.chain) == links


NS = "example. 300 IN NS ns.example."
QR, AA, RA = dns.flags.QR, dns.flags.AA, dns.flags.RA


@pytest.mark.parametrize(
    ("flags", "authority", "is_certain"),
    [
        (QR | RA, (), True),
        (QR | AA, (), True),
        (QR | AA, (NS,), True),
        (QR, (SOA,), True),
        (QR | RA, (NS, SOA), True),
        (QR | RA, (NS,), False),
        (QR, (NS,), False),
        (QR, (), False),
    ],
)
def test_emptiness_counts_only_from_who_knows_the_zone_or_asks_others(
    flags: int, authority: tuple[str, ...], is_certain: bool
) -> None:
    answer = read(make(flags=flags, authority=authority)).answer
    assert answer == NoData(False) if is_certain else isinstance(answer, CannotTell)


@pytest.mark.parametrize(
    ("code", "failure", "detail"),
    [
        (dns.rcode.SERVFAIL, Failure.SERVFAIL, ""),
        (dns.rcode.REFUSED, Failure.REFUSED, ""),
        (dns.rcode.FORMERR, Failure.OTHER, "FORMERR"),
        (dns.rcode.NOTIMP, Failure.OTHER, "NOTIMP"),
        (dns.rcode.YXDOMAIN, Failure.OTHER, "YXDOMAIN"),
        (dns.rcode.BADVERS, Failure.OTHER, "BADVERS"),  # in the header it looks like NOERROR
        (dns.rcode.Rcode.make(3841), Failure.OTHER, "3841"),
    ],
)
def test_a_failure_is_told_by_its_code_even_beside_records(code: int, failure: Failure, detail: str) -> None:
    assert read(make('acme.example. 300 IN TXT "x"', code=code)) == ReplyReading(CannotTell(failure, detail))


def test_records_for_a_name_that_does_not_exist_are_a_contradiction() -> None:
    assert isinstance(read(make('acme.example. 300 IN TXT "x"', code=3)).answer, CannotTell)


HEADER = struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + b"\4acme\0\0\x10\0\1"
RECORD = b"\xc0\x0c\0\x10\0\1\0\0\0\x3c"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        HEADER,
        HEADER[:-1],
        HEADER + RECORD,
        HEADER + RECORD + b"\0\0",  # no string
        HEADER + RECORD + b"\0\2\4ab",  # a string longer than the data
        HEADER + RECORD + b"\0\5\4ab",  # data longer than the message
        HEADER + b"\xc0\x16" + RECORD[2:] + b"\0\2\1a",  # a name that points at itself
        HEADER + b"\xc0\xff" + RECORD[2:] + b"\0\2\1a",  # forwards
        HEADER + b"\x40" + RECORD[2:] + b"\0\2\1a",  # a label type nobody uses
        HEADER + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\0",
    ],
)
def test_a_malformed_reply_is_cannot_tell(wire: bytes) -> None:
    assert isinstance(read_reply(wire, "TXT").answer, CannotTell)


@pytest.mark.parametrize("data_", [b"", b"\0", b"\0\1", b"\0\1\0\0", b"\0\1\xc0", b"\0\1\1a"])
def test_a_malformed_mx_is_cannot_tell(data_: bytes) -> None:
    wire = (HEADER + RECORD).replace(b"\0\x10\0\1", b"\0\x0f\0\1") + len(data_).to_bytes(2, "big") + data_
    assert isinstance(read_reply(wire, "MX").answer, CannotTell)


def test_a_ttl_beyond_31_bits_is_none_and_bytes_after_the_end_do_no_harm() -> None:
    wire = HEADER + RECORD[:-4] + b"\xff\xff\xff\xff" + b"\0\2\1a" + b"more"
    assert read_reply(wire, "TXT") == ReplyReading(Data(("a",)), 0)


@pytest.mark.parametrize(("pointers", "is_read"), [(100, True), (200, False)])
def test_a_name_that_is_pointers_to_pointers_is_given_up(pointers: int, is_read: bool) -> None:
    header = struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0) + b"\4acme\0\0\x10\0\1"
    ladder_at = len(header) + len(RECORD) + 2
    steps = [0xC00C, *range(0xC000 | ladder_at, 0xC000 | ladder_at + 2 * pointers, 2)]
    ladder = b"".join(step.to_bytes(2, "big") for step in steps)
    wire = header + RECORD.replace(b"\0\x10", b"\0\x63") + len(ladder).to_bytes(2, "big") + ladder
    wire += (0xC000 | len(wire) - 2).to_bytes(2, "big") + RECORD[2:] + b"\0\2\1a"
    assert isinstance(read_reply(wire, "TXT").answer, Data if is_read else CannotTell)


names = st.sampled_from(
    ["acme.example.", "B.example.", "c.test.", "sub.acme.example.", "odd\\032na\\.me.example.", "."]
)
ttls = st.integers(0, 2**31 - 1)
texts = st.lists(st.binary(max_size=300).map(lambda raw: raw[:255]), min_size=1, max_size=3).map(
    lambda strings: " ".join('"' + "".join(f"\\{byte:03}" for byte in one) + '"' for one in strings)
)
data = st.one_of(
    st.tuples(st.just("TXT"), texts),
    st.tuples(st.just("CNAME"), names),
    st.tuples(st.just("MX"), st.builds("{} {}".format, st.integers(0, 65535), names)),
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
)
lines = st.builds(lambda owner, ttl, one: f"{owner} {ttl} IN {one[0]} {one[1]}", names, ttls, data)
authorities = st.lists(st.sampled_from([NS, SOA, SOA.replace("example.", ".", 1)]), max_size=2, unique=True).map(tuple)
types: st.SearchStrategy[RecordType] = st.sampled_from(["TXT", "MX", "A", "AAAA", "CNAME"])
replies = st.tuples(
    st.builds(
        lambda answer, **more: make(*answer, **more),
        st.lists(lines, max_size=6),
        name=names,
        rtype=types,
        authority=authorities,
        code=st.sampled_from([0, 0, 0, 3, 2, 5, 1, 16]),
        flags=st.sampled_from([QR | RA, QR | AA, QR]),
    ),
    types,
)


def by_dnspython(wire: bytes, rtype: RecordType) -> Answer | None:
    """What dnspython makes of it, as an answer; None where it cannot read it or nothing follows from it."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
        assert isinstance(message, dns.message.QueryMessage)
        chaining = message.resolve_chaining()
    except (dns.exception.DNSException, AssertionError):
        return None
    if message.rcode() not in (0, 3) or message.question[0].rdtype != dns.rdatatype.from_text(rtype):
        return None
    chain = tuple(rrset[0].target.to_text(omit_final_dot=True) for rrset in chaining.cnames)
    if chaining.answer is None:
        return NoData(message.rcode() == 3, chain)
    found = {
        b"".join(one.strings).decode("utf-8", "replace")
        if rtype == "TXT"
        else f"{one.preference} {one.exchange.to_text(omit_final_dot=True)}"
        if rtype == "MX"
        else str(one).rstrip(".") or "."
        for one in chaining.answer
    }
    return Data(tuple(sorted(found)), chain)


@given(replies)
def test_a_well_formed_reply_says_what_dnspython_reads(case: tuple[dns.message.QueryMessage, RecordType]) -> None:
    message, _ = case
    rtype: RecordType = dns.rdatatype.to_text(message.question[0].rdtype)  # type: ignore[assignment]
    wire = message.to_wire()
    answer, expected = read_reply(wire, rtype).answer, by_dnspython(wire, rtype)
    if isinstance(expected, NoData):
        assert answer == expected or (isinstance(answer, CannotTell) and not expected.is_nxdomain)
    else:
        assert answer == expected or (expected is None and isinstance(answer, CannotTell))


@given(replies, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4), st.integers(0, 400))
def test_no_bytes_break_it_nor_make_up_records(
    case: tuple[dns.message.QueryMessage, RecordType], changes: list[tuple[int, int]], cut: int
) -> None:
    message, rtype = case
    wire = bytearray(message.to_wire())
    for at, byte in changes:
        wire[at % len(wire)] = byte
    mangled = bytes(wire[: len(wire) - cut % len(wire)] if cut % 3 == 0 else wire)
    answer, expected = read_reply(mangled, rtype).answer, by_dnspython(mangled, rtype)
    if isinstance(answer, Data) and isinstance(expected, Data):
        assert answer == expected


@given(st.binary(max_size=600), types)
def test_noise_is_never_an_answer_of_another_kind(noise: bytes, rtype: RecordType) -> None:
    assert isinstance(read_reply(noise, rtype).answer, CannotTell | Data | NoData)
