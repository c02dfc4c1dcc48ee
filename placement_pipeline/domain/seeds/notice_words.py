"""The words of a notice: which of them are its own, and which of those say why.

A notice explains itself at length, names the message it is about, and often ends in a copy of
it. What a returned header, a subject or a version says is never why.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import takewhile

from placement_pipeline.domain.seeds.bounce_phrases import HINTS, PLAIN
from placement_pipeline.domain.seeds.status_codes import find_codes, is_telling

_TEXT_CHARS = 16 * 1024
_LINE_CHARS = 2000
_SAID_CHARS = 400
_LEAD_CHARS = 160
_DECORATION = " \t-=*_|~#>.:"

_ADDRESS = re.compile(r"(?<![^\s<>@;,:()\[\]\"'])[^\s<>@;,:()\[\]\"']{1,200}@[^\s<>@;,:()\[\]\"']{1,255}")
# A line that a recipient's own words begin with: qmail's form (https://cr.yp.to/proto/qsbmf.txt), which Postfix and
# Yahoo write too, Exim's, and those of Sendmail's lists and transcripts.
_OF_RECIPIENT = re.compile(
    rf"(?i)[\s<>*|-]{{0,20}}(?:[45]\d\d[ -](?:[45]\.\d{{1,3}}\.\d{{1,3}} )?)?(?:rcpt to: ?)?<?({_ADDRESS.pattern})"
)
# What a line is called below which the returned message stands.
_COPIES = re.compile(
    r"(?:[a-z' ]{0,40}\b(?:is|are) )?(?:an? |the |your )?"
    r"(?:(?:original|returned|unsent|undelivered|bounced|forwarded|attached) (?:e-?)?(?:message|mail)"
    r"|(?:copy|text|headers?|start|portion) (?:of|from) (?:the |your |this )?(?:\w+ )?(?:message|mail)"
    r"|message (?:headers?|text|body|contents?)|original headers|message follows|returned text)\b"
)
_DRAWN = ("---", "===", "***", "___", "|--")
_FIELD_LINE = re.compile(
    r"(?i)[\s>|*]{0,20}(?:from|to|cc|bcc|subject|date|sent|message-?id|in-reply-to|references|received(?:-spf)?|return-path"
    r"|reply-to|sender|mime-version|user-agent|importance|priority|organi[sz]ation|delivered-to|envelope-to|precedence"
    r"|errors-to|authentication-results|auto-submitted|(?:dkim|domainkey)-signature"
    r"|(?:x|list|content|thread|arc|resent)-[a-z0-9-]{1,60})\s?:"
)
_TRACE_LINE = re.compile(r"(?i)(?:received(?:-spf)?|return-path|(?:dkim|domainkey)-signature|x-received|arc-seal)\s?:")

# Sendmail marks what the other host has answered; the line without the mark sums it up with a code of Sendmail's own.
_ANSWER = re.compile(r"(?:<<< |\(reason: )(?!503)[45]\d\d")
_REPLY = re.compile(
    r"""(?xi)
    (?: ^ | [:;'"(\[>|<] | \b(?:said|was|is|reason|errors?|response|returned|replied|with|smtp|code)\b )
    [\s:;'"(\[>|=<-]{0,6} (?:smtp\s)? [45][0-5]\d (?: [ -]{1,3}[^\s\d] | [ -][45]\.\d | \s?[:;,)'"\]] | \s*$ )
    """
)
_HEADING = re.compile(
    r"(?i)\b(?:response|because|reasons?|errors?|diagnostics?|information|administrators|details|failure|explanation"
    r"|message below|server message|said|replied|returned|follows|problems?)(?: (?:was|of|is|below|from [^:]{1,100}))?"
    r"\s?(?::|[-=*]{3,})[\s*_=-]{0,100}$"
)


class NoticeWords:
    """A notice's text, up to the copy of the message and without the lines of anybody's header.

    Attributes:
        text: all of it.
        has_copy: whether a copy of the message stands below it.
        by_recipient: the part that begins with a recipient's address, by that address in lower case.
    """

    def __init__(self, text: str) -> None:
        self.text, self.has_copy = _above_copy(text)
        self.by_recipient = _by_recipient(self.text)

    def holds_reply(self) -> bool:
        """Whether a host's refusal stands in it: a status code or a reply code where such stand."""
        return next(find_codes(self.text), None) is not None or any(map(_REPLY.search, self.text.split("\n")))

    def about(self, addresses: Collection[str]) -> str:
        """What is said of one recipient; all that is said where nothing is said of it."""
        return self._own(addresses) or self.text

    def why(self, addresses: Collection[str]) -> str:
        """Why a recipient did not get the message: what is said of it, else what is said of all."""
        own = _telling(self._own(addresses), addresses)
        return own if says_why(own) else self._why_all

    def _own(self, addresses: Collection[str]) -> str:
        return "\n".join(self.by_recipient[address] for address in sorted(addresses) if address in self.by_recipient)

    @cached_property
    def _why_all(self) -> str:
        return _telling(self.text, self.by_recipient or addresses_in(self.text))


def addresses_in(words: str) -> list[str]:
    """The mail addresses in words, lower case, each once."""
    return list(dict.fromkeys(address.lower().rstrip(".") for address in _ADDRESS.findall(words)))


def says_why(words: str) -> bool:
    """Whether words hold a code that tells, or a known way of saying why."""
    lowered = words.lower()
    return _holds_code(words) or any(one.pattern.search(lowered) for one in (*PLAIN, *HINTS))


def redact(words: str) -> str | None:
    """Words as evidence: one line without mail addresses, which can be people's."""
    masked = _ADDRESS.sub("***", words[: 4 * _SAID_CHARS]).split()
    return " ".join("***" if "@" in word else word for word in masked)[:_SAID_CHARS] or None


def _above_copy(text: str) -> tuple[str, bool]:
    kept: list[str] = []
    has_words = is_in_field = False
    for line in text[:_TEXT_CHARS].replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = line[:_LINE_CHARS].rstrip()
        if has_words and (_is_above_copy(line) or _TRACE_LINE.match(line)):
            return "\n".join(kept), True
        is_field = _FIELD_LINE.match(line) is not None
        is_in_field = (is_field and line[0] not in " \t") or (is_in_field and line[:1] in (" ", "\t"))
        if not is_field and not is_in_field:
            kept.append(line)
            has_words = has_words or bool(line.strip(_DECORATION))
    return "\n".join(kept), False


def _is_above_copy(line: str) -> bool:
    bare = line.strip(_DECORATION).lower()
    if len(bare) > 100 or "was received" in bare or not _COPIES.match(bare):
        return False
    return line.lstrip(" \t>").startswith(_DRAWN) or line.endswith(":") or "follow" in bare or "below" in bare


def _by_recipient(text: str) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    unnamed: list[str] = []
    for line in text.split("\n"):
        match = None if line.startswith("<<<") else _OF_RECIPIENT.match(line)
        if match:
            current = sections.setdefault(match[1].lower().rstrip("."), [])
            # A transcript names the recipient below what the host has answered.
            current += [one for one in unnamed if one.startswith("<<<")]
            unnamed = []
        else:
            unnamed.append(line)
        current.append(line)
    return {address: "\n".join(lines) for address, lines in sections.items()}


def _telling(words: str, addresses: Iterable[str]) -> str:
    """Of words, those that say why.

    The refusing host's reply comes first, then what is a known way of saying why, then what
    stands below a heading that announces the reason, then what stands with the recipient's
    address. Where none of these is there, it is all of them.
    """
    paragraphs = _paragraphs(words)
    for is_reply in (_ANSWER.match, _holds_code, _REPLY.search):
        for lines in paragraphs:
            start = next((number for number, line in enumerate(lines) if is_reply(line)), None)
            if start is not None:
                return _with_reply(lines, start)
    joined = [" ".join(lines) for lines in paragraphs]
    announced = next(
        (
            f"{joined[number + 1]} {joined[number - 1] if number else ''}"
            for number, paragraph in enumerate(joined[:-1])
            if _HEADING.search(paragraph)
        ),
        "",
    )
    for paragraph in (announced, *joined):
        if says_why(paragraph):
            return paragraph
    if announced:
        return announced
    wanted = list(addresses)
    for number, paragraph in enumerate(joined):
        if any(address in paragraph.lower() for address in wanted):
            is_bare = " " not in paragraph.strip(_DECORATION)
            return " ".join(joined[max(0, number - is_bare) : number + 2])
    return " ".join(joined)


def _paragraphs(words: str) -> list[Sequence[str]]:
    paragraphs: list[list[str]] = [[]]
    for line in words.split("\n"):
        if line.strip(_DECORATION):
            paragraphs[-1].append(line.strip())
        elif paragraphs[-1]:
            paragraphs.append([])
    return [lines for lines in paragraphs if lines]


def _with_reply(lines: Sequence[str], start: int) -> str:
    """A reply with what leads to it: in a transcript the command, elsewhere the lines above it, if they are short."""
    if lines[start].startswith("<<<"):
        command = lines[start - 1 : start] if start and lines[start - 1].startswith(">>>") else []
        return " ".join([*command, *takewhile(lambda line: line.startswith("<<<"), lines[start:])])
    first = start
    while first and len(" ".join(lines[first - 1 : start])) <= _LEAD_CHARS:
        first -= 1
    return " ".join(lines[first:])


def _holds_code(line: str) -> bool:
    return any(is_telling(code) for code in find_codes(line))
