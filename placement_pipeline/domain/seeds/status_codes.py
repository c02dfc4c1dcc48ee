"""Enhanced status codes (RFC 3463) as they stand in a notice: in its fields, and in words.

Only the finding, and which of several is worth most. Whose fault a code means is ``bounce_faults``.
"""

import re
from collections.abc import Iterator

_FIELD = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# In words other numbers have two dots too. Subjects end at 7 (RFC 3463 section 3), and nothing is refused with a 2.
_CANDIDATE = re.compile(r"(?<![\w.])([45])\.([0-7])\.(\d{1,3})(?!\.?\w)")
# What a code stands after: the start of a line, a reply code, a mark, or the word for it. Versions stand after names.
_LEAD_CHARS = 24
_LEAD = re.compile(
    r"""(?xi)
    (?: ^ | \n | [2-5]\d\d[ -] | [#(\[;:<>'"|] | [\s-]- | \b(?:status|code|error|dsn|said|reason|smtp)[\s=] )
    [\s>*|#('"\[-]{0,12} $
    """
)
_VERSION = re.compile(r"(?i)(?:version|release|build|\bver\.?|\bv)[\s:=(]{0,3}$")
_EXPIRED = {(4, 7), (4, 300)}


def read_field(value: str) -> str | None:
    """The code that a Status field begins with."""
    match = _FIELD.match(value)
    return _written(match) if match else None


def find_codes(words: str) -> Iterator[str]:
    """The codes of failures in words, in their order; version numbers and IP addresses are none."""
    for match in _CANDIDATE.finditer(words):
        before = words[max(0, match.start() - _LEAD_CHARS) : match.start()]
        if _LEAD.search(before) and not _VERSION.search(before):
            yield _written(match)


def is_telling(code: str) -> bool:
    """Whether a code says more than that something went wrong.

    A detail of 0 is "other" in every subject. It tells by the subject alone for media and
    security (6, 7), and in 4.3.0, the receiving system's trouble for now; 5.3.0 is what
    Sendmail puts before anything. Protocol errors (5) are what hosts answer when they do not
    want to say. An expired queue says how long was tried, not what was in the way: X.4.7 asks
    for the code of that instead (RFC 3463 section 3.5), and Exchange's 5.4.300 is the same.
    """
    subject, detail = (int(part) for part in code.split(".")[1:])
    if subject in (6, 7) or code == "4.3.0":
        return True
    return subject in (1, 2, 3, 4) and detail != 0 and (subject, detail) not in _EXPIRED


def most_telling(field: str | None, words: str) -> str | None:
    """The code that tells most.

    The refusing host's own, in its words, wins over the field, which whoever wrote the notice
    has filled in (RFC 3464 section 2.3.6): what tells nothing decides only where nothing else is said.
    """
    said = list(find_codes(words))
    return next((code for code in said if is_telling(code)), field or next(iter(said), None))


def _written(match: re.Match[str]) -> str:
    return ".".join(str(int(number)) for number in match.groups())
