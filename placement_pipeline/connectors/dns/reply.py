"""What the bytes of a DNS reply answer.

Pure, and no bytes make it raise or take long. Sections and CNAMEs are read by hand, because
a message object of dnspython costs as much as everything else about a question together;
single records other than TXT and MX are read by dnspython.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass

from placement_pipeline.connectors.dns.message import TYPES
from placement_pipeline.domain.dns import Answer, CannotTell, Data, Failure, NoData, RecordType

LONGEST_CHAIN = 15
# RFC 1034 section 3.6.2 wants a loop signalled as an error, and most recursors do so with SERVFAIL:
# it is no proof that the records are not there.
ENDLESS = CannotTell(Failure.OTHER, "the CNAMEs go round in a circle or are too many")

_HEADER = struct.Struct("!HHHHHH")
_FIXED_PART = struct.Struct("!HHIH")
_QUESTION_TAIL = 4
_AUTHORITATIVE, _RECURSION_AVAILABLE = 0x0400, 0x0080
_OPT = 41
_MAX_NAME = 255
_MAX_POINTERS = 127  # one for each label
_MAX_TTL = 2**31 - 1
_SMALLEST_SOA = 22


class _FormError(Exception):
    """The bytes are no reply."""


@dataclass(frozen=True, slots=True)
class ReplyReading:
    """What a reply says.

    Attributes:
        answer: the answer.
        ttl: for how many seconds the zones allow it to be kept; 0 where nothing says so.
        rest: the last CNAME's target in wire form, where the server followed the chain no
            further; ``answer`` then holds the chain so far.
    """

    answer: Answer
    ttl: int = 0
    rest: bytes | None = None


@dataclass(slots=True)
class _Set:
    """The records of one name and type: where each one's data begins and ends, and the least TTL."""

    spans: list[tuple[int, int]]
    ttl: int


_Section = dict[tuple[bytes, int], _Set]


def read_reply(reply: bytes, record_type: RecordType) -> ReplyReading:
    """What a reply says. Never raises: what cannot be read is "cannot tell".

    Args:
        reply: the whole message, of at most 65,535 bytes.
        record_type: what was asked for.
    """
    try:
        return _read(reply, record_type)
    except (_FormError, dns.exception.DNSException, struct.error, IndexError):
        return ReplyReading(CannotTell(Failure.OTHER, "the reply cannot be read"))


def _read(reply: bytes, record_type: RecordType) -> ReplyReading:
    _, flags, question_count, record_count, authority_count, additional_count = _HEADER.unpack_from(reply)
    at, name = _HEADER.size, b""
    for _ in range(question_count):
        name, at = _read_name(reply, at)
        at += _QUESTION_TAIL
    records, at = _read_section(reply, at, record_count)
    authority, at = _read_section(reply, at, authority_count)
    additional, _ = _read_section(reply, at, additional_count)
    code = flags & 0x000F
    if extended := additional.get((b"\0", _OPT)):
        code |= extended.ttl >> 24 << 4  # RFC 6891 section 6.1.3
    if code == dns.rcode.SERVFAIL:
        return ReplyReading(CannotTell(Failure.SERVFAIL))
    if code == dns.rcode.REFUSED:
        return ReplyReading(CannotTell(Failure.REFUSED))
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return ReplyReading(CannotTell(Failure.OTHER, dns.rcode.to_text(dns.rcode.Rcode.make(code))))
    if question_count != 1:
        raise _FormError
    found, chain, end, ttl = _follow(reply, records, name, TYPES[record_type])
    if len(chain) > LONGEST_CHAIN:
        return ReplyReading(ENDLESS)
    if found is not None:
        if code == dns.rcode.NXDOMAIN:
            raise _FormError
        texts = {_record(reply, *span, record_type) for span in found.spans}
        return ReplyReading(Data(tuple(sorted(texts)), chain), ttl)
    nothing = NoData(code == dns.rcode.NXDOMAIN, chain)
    negative_ttl = _negative_ttl(reply, authority, end)
    if nothing.is_nxdomain or negative_ttl is not None:
        return ReplyReading(nothing, min(ttl, negative_ttl or 0))
    if chain:
        return ReplyReading(nothing, ttl, rest=end)
    return ReplyReading(_judge_emptiness(nothing, flags, {rtype for _, rtype in authority}))


def _follow(
    reply: bytes, records: _Section, name: bytes, rtype: int
) -> tuple[_Set | None, tuple[str, ...], bytes, int]:
    """The records asked for, the CNAMEs on the way to them, the last name, the least TTL of all."""
    chain: list[str] = []
    ttl = _MAX_TTL
    while (found := records.get((name.lower(), rtype))) is None:
        alias = records.get((name.lower(), TYPES["CNAME"]))
        if alias is None or len(chain) > LONGEST_CHAIN:
            break
        name = _read_whole_name(reply, *alias.spans[0])
        chain.append(_as_text(name))
        ttl = min(ttl, alias.ttl)
    return found, tuple(chain), name, min(ttl, found.ttl) if found else ttl


def _negative_ttl(reply: bytes, authority: _Section, name: bytes) -> int | None:
    """For how long "nothing there" may be kept (RFC 2308 section 5); None where no zone of the name says it."""
    owner = name.lower()
    while (soa := authority.get((owner, TYPES["SOA"]))) is None:
        if owner == b"\0":
            return None
        owner = owner[owner[0] + 1 :]
    start, end = soa.spans[0]
    if end - start < _SMALLEST_SOA:
        raise _FormError
    return min(soa.ttl, int.from_bytes(reply[end - 4 : end], "big"))


def _judge_emptiness(nothing: NoData, flags: int, authority_types: set[int]) -> Answer:
    """No error, record or SOA: certain only from a server that knows the zone or asks others (RFC 2308 section 2.2)."""
    if flags & _AUTHORITATIVE:
        return nothing
    if TYPES["NS"] in authority_types:
        return CannotTell(Failure.OTHER, "the server refers to others; it is no recursor")
    if not flags & _RECURSION_AVAILABLE:
        return CannotTell(Failure.OTHER, "the server does not ask others; it is no recursor")
    return nothing


def _read_section(reply: bytes, at: int, count: int) -> tuple[_Section, int]:
    """The records of a section by owner and type, and where the next section begins."""
    section: _Section = {}
    for _ in range(count):
        owner, at = _read_name(reply, at)
        rtype, rclass, ttl, size = _FIXED_PART.unpack_from(reply, at)
        start = at + _FIXED_PART.size
        at = start + size
        if at > len(reply):
            raise _FormError
        if rclass != dns.rdataclass.IN and rtype != _OPT:
            continue
        if rtype != _OPT and ttl > _MAX_TTL:
            ttl = 0  # RFC 2181 section 8
        held = section.setdefault((owner.lower(), rtype), _Set([], ttl))
        held.spans.append((start, at))
        held.ttl = min(held.ttl, ttl)
    return section, at


def _read_name(reply: bytes, at: int) -> tuple[bytes, int]:
    """A name in wire form without compression (RFC 1035 section 4.1.4), and where it ends."""
    name = bytearray()
    after, lowest, pointers = None, at, 0
    while (size := reply[at]) != 0:
        if size <= 63:
            name += reply[at : at + size + 1]
            at += size + 1
            if len(name) >= _MAX_NAME:
                raise _FormError
        elif size >= 0xC0:
            target = (size & 0x3F) << 8 | reply[at + 1]
            after = at + 2 if after is None else after
            pointers += 1
            # A pointer leads backwards, or it may lead round in a circle.
            if target >= lowest or pointers > _MAX_POINTERS:
                raise _FormError
            at = lowest = target
        else:
            raise _FormError
    name.append(0)
    return bytes(name), at + 1 if after is None else after


def _read_whole_name(reply: bytes, start: int, end: int) -> bytes:
    name, after = _read_name(reply, start)
    if after != end:
        raise _FormError
    return name


def _record(reply: bytes, start: int, end: int, record_type: RecordType) -> str:
    match record_type:
        case "TXT":
            # One record is a sequence of strings of up to 255 bytes, joined with nothing between.
            return b"".join(_strings(reply, start, end)).decode("utf-8", "replace")
        case "MX":
            preference = int.from_bytes(reply[start : start + 2], "big")
            return f"{preference} {_as_text(_read_whole_name(reply, start + 2, end))}"
        case _:
            rdata = dns.rdata.from_wire(dns.rdataclass.IN, TYPES[record_type], reply, start, end - start)
            return str(rdata).rstrip(".") or "."


def _strings(reply: bytes, at: int, end: int) -> Iterator[bytes]:
    if at == end:
        raise _FormError
    while at < end:
        after = at + 1 + reply[at]
        if after > end:
            raise _FormError
        yield reply[at + 1 : after]
        at = after


def _as_text(name: bytes) -> str:
    return dns.name.from_wire(name, 0)[0].to_text(omit_final_dot=True)
