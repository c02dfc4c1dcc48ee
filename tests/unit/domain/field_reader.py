"""A strict reader of the header fields we write (RFC 5322 sections 2.2.3 and 3.4, RFC 2047); nothing of ``email``."""

import base64
import re

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ENCODED = re.compile(r"=\?([!-<>@-~]+)\?([qQbB])\?([!->@-~]*)\?=")
_LOOKALIKE = re.compile(r"=\?[^ ]*\?[^ ]*\?[^ ]*\?=")
_TOKEN = re.compile(
    rf'(?P<blank>[ \t]+)|"(?P<quoted>(?:[ \t!#-\[\]-~]|\\[ -~\t])*)"|<(?P<address>[!-~]+)>|(?P<word>{_ATEXT}+)'
)


def read_lines(field: str) -> tuple[str, str]:
    """Name and unfolded value of a field.

    Its lines are ASCII without controls, none is blank or longer than 998, only one that a word fills alone is longer
    than 78, and one with an encoded word has at most 76.
    """
    lines = field.split("\r\n")
    for number, line in enumerate(lines):
        assert re.fullmatch(r"[ -~\t]+", line), line
        assert number == 0 or line[0] in " \t", "a folded line begins with a blank"
        assert line.strip(), "no line of blanks alone"
        assert len(line) <= 998
        if " " in line.strip().partition(": ")[2 if number == 0 else 0]:
            assert len(line) <= 78, line
        if _LOOKALIKE.search(line):
            assert len(line) <= 76, line
    name, _, value = "".join(lines).partition(":")
    return name, value.removeprefix(" ")


def read_text(field: str) -> str:
    """The text of an unstructured field: blanks between two encoded words are none (RFC 2047 section 6.2)."""
    _, value = read_lines(field)
    text, is_after_encoded = "", False
    for blank, word in re.findall(r"([ \t]*)([^ \t]*)", value):
        decoded = _decode(word)
        text += ("" if is_after_encoded and decoded is not None else blank) + (word if decoded is None else decoded)
        is_after_encoded = decoded is not None
    return text


def read_mailbox(field: str) -> tuple[str, str]:
    """Display name and address of a field that names one mailbox.

    A phrase is encoded words, or words and quoted strings; never both, and no encoded word in quotes.
    """
    _, value = read_lines(field)
    if re.fullmatch(r"[!-~]+", value) and not value.startswith("<"):
        return "", value
    kinds: set[str] = set()
    name, blank, at = "", "", 0
    while found := _TOKEN.match(value, at):
        at = found.end()
        if found["address"] is not None:
            assert at == len(value), "nothing follows the address"
            assert len(kinds) == 1, "a phrase of one kind"
            return name, found["address"]
        if found["blank"] is not None:
            blank = found["blank"]
        elif found["quoted"] is not None:
            assert not _LOOKALIKE.search(found["quoted"]), "no encoded word in quotes"
            kinds.add("quoted or atoms")
            name, blank = name + blank + re.sub(r"\\(.)", r"\1", found["quoted"]), ""
        elif (decoded := _decode(found["word"])) is not None:
            assert re.fullmatch(r"=\?[^?]+\?([bB]\?[A-Za-z0-9+/=]*|[qQ]\?[A-Za-z0-9!*+/=_-]*)\?=", found["word"])
            kinds.add("encoded")
            name, blank = name + decoded, ""
        else:
            kinds.add("quoted or atoms")
            name, blank = name + blank + found["word"], ""
    raise AssertionError(f"not a mailbox: {value[at:]!r}")


def _decode(word: str) -> str | None:
    """What an encoded word says, in whole characters; None for any other word."""
    found = _ENCODED.fullmatch(word)
    if found is None:
        assert not _LOOKALIKE.search(word), f"broken or glued encoded words: {word!r}"
        return None
    assert len(word) <= 75, word
    charset, encoding, text = found.groups()
    if encoding in "bB":
        data = base64.b64decode(text, validate=True)
    else:
        assert re.fullmatch(r"(?:[!-<>@-~]|=[0-9A-F]{2})*", text), text
        data = re.sub(rb"=([0-9A-F]{2})", lambda code: bytes([int(code[1], 16)]), text.replace("_", " ").encode())
    return data.decode(charset)
