"""A message as signatures see it: its header fields as bytes, its body, their canonical forms.

dkimpy splits the header, brings fields into their canonical form and does the
cryptography. The body is prepared here: each form once a message however many signatures
there are, and in time that grows with the body alone. Whose key, and what a result means,
is in ``signatures`` and ``arc``.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import TypeAlias

import dkim

from placement_pipeline.domain.auth.dkim.claims import Claims, SignatureError
from placement_pipeline.domain.auth.dkim.records import DkimKey
from placement_pipeline.domain.message import MAX_MESSAGE_BYTES

RawField: TypeAlias = tuple[bytes, bytes]
"""A field's name and all that follows its colon, folds and final CRLF with it."""

# No mail program comes near these; dkimpy's time grows with folds times the length of the header.
_MAX_HEADER_BYTES = 512 * 1024
_MAX_HEADER_LINES = 20_000
_MAX_FOLD_WORK = 2_000_000_000
_FOLD = re.compile(rb"\n[ \t]")
_EMPTY_LINE = re.compile(rb"^\r?\n", re.MULTILINE)


class UnreadableError(Exception):
    """Nothing can be said about the message's signatures.

    Attributes:
        reason: ``message_too_large`` or ``header_malformed``.
        detail: more about it, for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class SignedMessage:
    """A message, split once for all of its signatures.

    Args:
        raw: the message as it was received.

    Attributes:
        fields: the header from the top.

    Raises:
        UnreadableError: it is too large to be judged, or a header field cannot be told from the next.
    """

    def __init__(self, raw: bytes) -> None:
        header, body = _split(raw)
        _check_cost(raw, header)
        try:
            parsed, _ = dkim.rfc822_parse(header)
        except (dkim.DKIMException, IndexError):
            # A header no two programs read alike: whether a receiver saw a signature in it is not known.
            raise UnreadableError("header_malformed", "the message's header cannot be read") from None
        self.fields: tuple[RawField, ...] = tuple((bytes(name), bytes(value)) for name, value in parsed)
        self._body = body
        self._bodies: dict[str, tuple[bytes, ...]] = {}

    def named(self, *names: str) -> list[RawField]:
        """The fields with one of these names, given in lower case."""
        return [field for field in self.fields if field[0].lower().decode("latin-1") in names]

    def select(self, names: Sequence[str], own: RawField) -> list[RawField]:
        """The fields that ``h=`` names: each name takes the lowest that is left (RFC 6376 section 5.4.2).

        Args:
            names: in lower case; one that no field is left for takes nothing.
            own: the signature's own field, which is never among them.
        """
        left: dict[str, list[RawField]] = {}
        for field in self.fields:
            if field is not own:
                left.setdefault(field[0].lower().decode("latin-1"), []).append(field)
        return [left[name].pop() for name in names if left.get(name)]

    def check_body(self, claims: Claims) -> None:
        """Hold the body against ``bh=`` and ``l=`` (RFC 6376 sections 3.7 and 8.2).

        Raises:
            SignatureError: ``body_changed``, ``body_partly_signed``, or ``malformed`` for an ``l=`` beyond the end.
        """
        for body in self._canonical_bodies(claims.body_form):
            length = len(body) if claims.length is None else claims.length
            if hashlib.sha256(memoryview(body)[:length]).digest() != claims.body_hash:
                continue
            if length > len(body):
                raise SignatureError("malformed", "l= is larger than the body (RFC 6376 section 3.5)")
            if length < len(body):
                raise SignatureError("body_partly_signed", "l= leaves the end of the body unsigned")
            return
        raise SignatureError("body_changed", "the body is not what was signed")

    def _canonical_bodies(self, form: str) -> tuple[bytes, ...]:
        if form not in self._bodies:
            bodies: tuple[bytes, ...] = (_canonical(self._body, form),)
            if form == "relaxed" and self._body.endswith((b" ", b"\t")):
                # A last line that lost its line end: signers differ on whether white space before it counts.
                kept = _canonical(self._body.rstrip(b" \t") + b" x", form).removesuffix(b"x\r\n")
                bodies += (kept + b"\r\n",)
            self._bodies[form] = bodies
        return self._bodies[form]


def verify_fields(fields: Sequence[RawField], own: RawField, claims: Claims, key: DkimKey) -> None:
    """Hold the signature against header fields.

    Args:
        fields: the signed ones, in the order in which they were signed.
        own: the signature's own field.
        claims: what it says.
        key: a usable one.

    Raises:
        SignatureError: ``signature_wrong``.
        UnreadableError: the library for this algorithm is not installed.
    """
    # dkimpy takes fields from the bottom up, so the order of signing is the header upside down. Its own
    # preparation would hold t= and x= against the clock of today; bh= was checked before.
    verifier = dkim.DKIM(minkey=1024)
    verifier.headers = list(reversed(fields))
    tags = {b"d": b"d", b"s": b"s", b"a": claims.algorithm.encode(), b"b": claims.signature.encode()}
    tags[b"c"] = claims.header_form.encode()
    record = f"v=DKIM1; k={key.algorithm}; p={key.public}".encode()
    try:
        is_valid = verifier.verify_sig(tags, [name.lower() for name, _ in fields], own, lambda *_, **__: record)
    except dkim.NaClNotFoundError:
        raise UnreadableError("ed25519", "the library for Ed25519 is not installed") from None
    except (dkim.DKIMException, ValueError, TypeError):
        is_valid = False
    if not is_valid:
        raise SignatureError("signature_wrong", "the header is not what was signed, or the key is another")


def has_field(raw: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether the header of a message matches, however large the message is."""
    return pattern.search(_split(raw)[0]) is not None


def _split(raw: bytes) -> tuple[bytes, bytes]:
    end = _EMPTY_LINE.search(raw)
    return (raw, b"") if end is None else (raw[: end.start()], raw[end.end() :])


def _check_cost(raw: bytes, header: bytes) -> None:
    if (
        len(raw) > MAX_MESSAGE_BYTES
        or len(header) > _MAX_HEADER_BYTES
        or header.count(b"\n") > _MAX_HEADER_LINES
        or _FOLD.subn(b"", header)[1] * len(header) > _MAX_FOLD_WORK
    ):
        raise UnreadableError("message_too_large", "the message is too large to be judged")


def _canonical(body: bytes, form: str) -> bytes:
    """The canonical form of a body (RFC 6376 sections 3.4.3 and 3.4.4), with bare line feeds as line ends."""
    text = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if text and not text.endswith(b"\r\n"):
        text += b"\r\n"
    if form == "relaxed":
        text = text.replace(b"\t", b" ")
        while b"  " in text:
            text = text.replace(b"  ", b" ")
        text = text.replace(b" \r\n", b"\r\n")
    # Empty lines at the end go; a carriage return of its own is text, and shows as one before another.
    ending = text[len(text.rstrip(b"\r\n")) :]
    end = len(text) - len(ending) + ending.rfind(b"\r\r") + 1
    if end == 0:
        return b"" if form == "relaxed" else b"\r\n"
    return text[: end + 2]
