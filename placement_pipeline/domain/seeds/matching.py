"""Matching: whose probe a message in a seed mailbox is.

What survives decides, in this order: our token in its header, under the mailbox's own From; the reference word, where
the template carries it; where Pipedrive sent the message, or a provider has dropped the
header, the pair of sender and seed inside the window of an open test. Where two tests
could both be meant, none is: a message that is attributed wrongly is worse than one that
is missed. Whether its From is believed is ``authenticity``, how it was sent ``sent_via``, where it lies
``landing``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from placement_pipeline.domain import clocks
from placement_pipeline.domain.content.markup import read_html
from placement_pipeline.domain.message import HeaderField, read_header
from placement_pipeline.domain.mime import ContentError, read_body
from placement_pipeline.domain.probe import REFERENCE_WORD, reference_word

_TEXT_CHARS = 64 * 1024
_MAX_WORDS = 200
_WORD = re.compile(rf"(?<!\w){REFERENCE_WORD}(?!\w)")


class FoundBy(StrEnum):
    """What a message was recognised by."""

    TOKEN = "token"
    REFERENCE = "reference"
    SENDER_AND_SEED = "sender_and_seed"


@dataclass(frozen=True, slots=True)
class Expected:
    """A probe that a seed is looked at for.

    Attributes:
        test_id: the test it belongs to.
        token: the send job's; the reference word follows from it.
        from_address: the mailbox's address.
        account_address: of the account it is an alias of; providers write it where the alias is not set up.
        opened_at: aware, by our clock; nothing that was there before belongs to the test.
        closes_at: aware, by our clock; nothing that comes later does. None where that is not known yet.
    """

    test_id: str
    token: str
    from_address: str
    account_address: str
    opened_at: datetime
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as a sweep meets it: first its envelope, then the whole of it.

    Attributes:
        token: the value of the probe header, if the message has one.
        from_address: the bare From address.
        received_at: aware, by the provider's clock; when it says the message arrived.
        subject: decoded.
        text: of both parts; None where only the envelope is known.
        is_answer: a reply, an automatic answer or a bounce; False where only the envelope is known.
    """

    token: str | None
    from_address: str | None
    received_at: datetime | None
    subject: str | None = None
    text: str | None = None
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Clues:
    """What a message could be recognised by: what to look up before a matcher is made.

    Attributes:
        tokens: values of the probe header.
        references: words that may be reference words, upper case.
        senders: From addresses, lower case.
    """

    tokens: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()

    def __or__(self, other: "Clues") -> "Clues":
        return Clues(self.tokens | other.tokens, self.references | other.references, self.senders | other.senders)


@dataclass(frozen=True, slots=True)
class Match:
    """The test a message belongs to."""

    test_id: str
    found_by: FoundBy


def clues(arrival: Arrival) -> Clues:
    """What to look up for a message; join those of a page with ``|``.

    Returns:
        At most 200 reference words. A message with a token needs nothing else looked up.
    """
    if arrival.token is not None:
        return Clues(tokens=frozenset({arrival.token}))
    sender = (arrival.from_address or "").lower()
    return Clues(references=_words(arrival), senders=frozenset({sender} - {""}))


def read_whole(envelope: Arrival, raw: bytes) -> Arrival:
    """An arrival with what the whole message adds to its envelope."""
    fields = read_header(raw)
    try:
        body = read_body(raw)
    except ContentError:
        text = None
    else:
        text = f"{body.text[:_TEXT_CHARS]}\n{read_html(body.html).written_text[:_TEXT_CHARS]}"
    return Arrival(
        envelope.token, envelope.from_address, envelope.received_at, envelope.subject, text, _is_answer(fields)
    )


class Matcher:
    """The probes expected at one seed, or those of them that the clues of some messages point at.

    Args:
        expected: in any order; the same one twice is one.
    """

    def __init__(self, expected: Iterable[Expected]) -> None:
        self._by_token: dict[str, Expected] = {}
        self._by_reference: dict[str, set[Expected]] = {}
        self._by_sender: dict[str, set[Expected]] = {}
        for probe in expected:
            self._by_token[probe.token] = probe
            self._by_reference.setdefault(reference_word(probe.token), set()).add(probe)
            self._by_sender.setdefault(probe.from_address.lower(), set()).add(probe)

    def wants(self, envelope: Arrival, ahead: timedelta | None = None) -> bool:
        """Whether the whole message has to be seen: by its envelope it may be a probe.

        More than ``match`` would take: a reference word may stand in the text alone.
        """
        if envelope.token is not None:
            return envelope.token in self._by_token
        sender = (envelope.from_address or "").lower()
        return any(_may_be_in(envelope, probe, ahead) for probe in self._by_sender.get(sender, ()))

    def match(self, arrival: Arrival, ahead: timedelta | None = None) -> Match | None:
        """The test this message is a probe of, or None for mail that is none of ours.

        Args:
            arrival: the message.
            ahead: how far the provider's clock is ahead of ours; None where nobody knows.
        """
        if arrival.token is not None:
            # A token we do not expect is a probe of another test, never of this one; one that somebody else sends on,
            # or that lay there before its test, is no probe at all.
            probe = self._by_token.get(arrival.token)
            is_it = probe is not None and _is_its_own(arrival, probe) and _is_not_before(arrival, probe, ahead)
            return Match(probe.test_id, FoundBy.TOKEN) if probe and is_it else None
        if arrival.is_answer:
            return None
        sender = (arrival.from_address or "").lower()
        if named := _named(self._by_reference, _words(arrival)):
            # Whoever carries another test's word is not this test's, even inside its window.
            probe = next(iter(named))
            is_it = len(named) == 1 and probe.from_address.lower() == sender and _may_be_in(arrival, probe, ahead)
            return Match(probe.test_id, FoundBy.REFERENCE) if is_it else None
        held = [probe for probe in self._by_sender.get(sender, ()) if _is_in(arrival.received_at, probe, ahead)]
        return Match(held[0].test_id, FoundBy.SENDER_AND_SEED) if len(held) == 1 else None


def _named(known: Mapping[str, set[Expected]], words: frozenset[str]) -> set[Expected]:
    return {probe for word in words for probe in known.get(word, ())}


def _words(arrival: Arrival) -> frozenset[str]:
    """Words of the shape of a reference, from the top: first the subject, then the text."""
    found: dict[str, None] = {}
    for text in (arrival.subject or "", arrival.text or ""):
        for word in _WORD.finditer(text[: 2 * _TEXT_CHARS + 1]):
            found[word[0]] = None
            if len(found) == _MAX_WORDS:
                return frozenset(found)
    return frozenset(found)


def _is_its_own(arrival: Arrival, probe: Expected) -> bool:
    return (arrival.from_address or "").lower() in (probe.from_address.lower(), probe.account_address.lower())


def _is_not_before(arrival: Arrival, probe: Expected, ahead: timedelta | None) -> bool:
    """A probe that comes late is found by its token too, so only the beginning of the window counts, and roughly."""
    if arrival.received_at is None:
        return True
    slack = clocks.SEARCHED_BEFORE if ahead is None else clocks.NARROWED_BY
    return probe.opened_at - slack <= arrival.received_at - (ahead or timedelta())


def _may_be_in(arrival: Arrival, probe: Expected, ahead: timedelta | None) -> bool:
    """A reference word names one test by itself, so a message without a time may carry it."""
    return arrival.received_at is None or _is_in(arrival.received_at, probe, ahead)


def _is_in(received_at: datetime | None, probe: Expected, ahead: timedelta | None) -> bool:
    if received_at is None:
        return False
    slack = clocks.UNCOMPARED if ahead is None else clocks.COMPARED
    moment = received_at - (ahead or timedelta())
    return probe.opened_at - slack <= moment and (probe.closes_at is None or moment <= probe.closes_at + slack)


def _is_answer(fields: Iterable[HeaderField]) -> bool:
    """By RFC 5322 section 3.6.4, RFC 3834 section 5, RFC 3464 section 2 and RFC 5321 section 4.5.5, in this order."""
    for field in fields:
        value = field.value.strip().lower()
        match field.name:
            case "in-reply-to" | "x-autoreply" | "x-autorespond":
                return True
            case "auto-submitted" if value.partition(";")[0].strip() != "no":
                return True
            case "content-type" if value.startswith("multipart/report"):
                return True
            case "return-path" if value == "<>":
                return True
            case "precedence" if value in ("auto_reply", "auto-reply"):
                return True
    return False
