"""DNS questions in wire form, and what the header of a reply says about them.

Pure: values and bytes. Made by hand, because a message object costs more than sending it.
What a reply answers is ``reply``; sockets are in ``wire``.
"""

import struct
from typing import get_args

import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype

from placement_pipeline.domain.dns import RecordType

# https://www.dnsflagday.net/2020/: larger answers are fragmented on the way. Without EDNS, 41 % of
# the TXT sets at a domain's apex do not fit and cost a second question by TCP.
_UDP_PAYLOAD = 1232

_HEADER = struct.Struct("!HHHHHH")
_RECURSION_DESIRED = 0x0100
_CLASS_IN = 1
# RFC 6891 section 6.1.2: the root's name, type 41, payload in the class, nothing more.
_OPT = struct.pack("!BHHIH", 0, 41, _UDP_PAYLOAD, 0, 0)
TYPES = {name: dns.rdatatype.from_text(name) for name in get_args(RecordType)}

_MAX_LABEL = 63
_MAX_NAME = 255
# Turning a label into an A-label takes time that grows with the square of its length.
_MAX_TEXT = 4 * _MAX_NAME

# RFC 6891 section 7: a server that knows no EDNS says FORMERR; some say NOTIMP.
_CODES_WITHOUT_EDNS = frozenset({dns.rcode.FORMERR, dns.rcode.NOTIMP})
_CODES_WITHOUT_QUESTION = _CODES_WITHOUT_EDNS | {dns.rcode.SERVFAIL, dns.rcode.REFUSED}
_FINAL_CODES = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})


class NameFormError(ValueError):
    """A text is no DNS name; the message says why."""


def encode_name(name: str) -> bytes:
    """A name in wire form (RFC 1035 section 3.1), labels as they stand between the dots.

    SPF macros may put spaces, colons and backslashes into names; none of them is special
    here. A label beyond ASCII becomes an A-label.

    Args:
        name: without the final dot.

    Raises:
        NameFormError: it is none.
    """
    if len(name) > _MAX_TEXT:
        raise NameFormError(f"the name is over {_MAX_NAME} bytes")
    wire = bytearray()
    for text in name.split("."):
        label = text.encode() if text.isascii() else _a_label(text)
        if not label:
            raise NameFormError("a label is empty")
        if len(label) > _MAX_LABEL:
            raise NameFormError(f"a label is over {_MAX_LABEL} bytes")
        wire.append(len(label))
        wire += label
    wire.append(0)
    if len(wire) > _MAX_NAME:
        raise NameFormError(f"the name is over {_MAX_NAME} bytes")
    return bytes(wire)


def _a_label(text: str) -> bytes:
    try:
        return dns.name.IDNA_2003.encode(text)
    except dns.exception.DNSException:
        raise NameFormError("a label beyond ASCII has no A-label") from None


def build_question(name: bytes, record_type: RecordType) -> bytes:
    """The question section: a name in wire form, the type, class IN."""
    return name + struct.pack("!HH", TYPES[record_type], _CLASS_IN)


def build_query(query_id: int, question: bytes, *, with_edns: bool) -> bytes:
    """A whole query that asks for recursion.

    Args:
        query_id: 0 to 65535.
        question: of ``build_question``.
        with_edns: whether to allow for answers larger than 512 bytes (RFC 6891).
    """
    header = _HEADER.pack(query_id, _RECURSION_DESIRED, 1, 0, 0, with_edns)
    return header + question + _OPT if with_edns else header + question


def is_reply_to(reply: bytes, question: bytes) -> bool:
    """Whether a message of the right id answers this question; names are compared without regard to case.

    Servers that refuse or cannot read a query may leave the question out: then the id has to
    do, and nothing but "cannot tell" can come of it.
    """
    if len(reply) < _HEADER.size or reply[2] & 0xF8 != 0x80:  # a response, to an ordinary query
        return False
    count = int.from_bytes(reply[4:6], "big")
    if count == 0:
        return response_code(reply) in _CODES_WITHOUT_QUESTION
    end = _HEADER.size + len(question)
    return (
        count == 1
        and reply[end - 4 : end] == question[-4:]
        and reply[_HEADER.size : end - 4].lower() == question[:-4].lower()
    )


def response_code(reply: bytes) -> int:
    """The four bits of the header."""
    return reply[3] & 0x0F


def is_final(reply: bytes) -> bool:
    """Whether the server answers rather than fails."""
    return response_code(reply) in _FINAL_CODES


def is_truncated(reply: bytes) -> bool:
    """Whether an answer is to be asked for again by TCP (RFC 2181 section 9)."""
    return bool(reply[2] & 0x02) and is_final(reply)


def lacks_edns(reply: bytes) -> bool:
    """Whether the reply to a query with EDNS may mean that the server knows none."""
    return response_code(reply) in _CODES_WITHOUT_EDNS
