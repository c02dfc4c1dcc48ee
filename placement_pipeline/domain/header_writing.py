"""Header fields that we write: a text, or one mailbox, in lines that every reader takes for what was meant.

RFC 5322 sections 2.2.3 and 3.4, RFC 2047. Nothing of it is left to the standard library: it
drops the quotes of long names and blanks between encoded words (https://github.com/python/cpython/issues/92081),
and in 3.13 joins encoded words without the blank they need (https://github.com/python/cpython/issues/144156).
"""

import base64
import re
from collections.abc import Iterable

from placement_pipeline.domain.mail_address import NoMailAddressError, read_address

# RFC 5322 section 2.1.1 and RFC 2047 section 2. Only an address that is longer than a line stands in a longer one.
_MAX_LINE, _MAX_ENCODED_LINE, _MAX_ENCODED_WORD = 78, 76, 75
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_PLAIN = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
# RFC 2047 section 5 (3): the strictest place, a phrase, takes these as they are.
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


class UnwritableFieldError(ValueError):
    """What was given cannot stand in a header field. The message says which and what to do, and does not show it."""


def check_text(name: str, text: str) -> str:
    """The text, if a field of this name can hold it.

    Raises:
        UnwritableFieldError: it has a line break, or half of a character.
    """
    if "\r" in text or "\n" in text:
        raise UnwritableFieldError(f"{name}: the text has more than one line; take the line break out")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise UnwritableFieldError(f"{name}: the text holds half of a character; write it anew")
    return text


def check_address(name: str, address: str) -> str:
    """The address as a field of this name holds it.

    Raises:
        UnwritableFieldError: it is none that can be sent to.
    """
    try:
        return read_address(address)
    except NoMailAddressError as error:
        raise UnwritableFieldError(f"{name}: the address cannot be used: {error}; correct it") from None


def write_text_field(name: str, text: str) -> str:
    """A field of free text, such as the subject.

    Returns:
        The whole field, lines parted by CRLF, without the last one.

    Raises:
        UnwritableFieldError: the text has a line break, or half of a character.
    """
    check_text(name, text)
    if not text or (_is_plain(text) and _fits(name, text.split(" "))):
        return _fold(name, text.split(" "), _MAX_LINE)
    return _fold(name, _encode(name, text), _MAX_ENCODED_LINE)


def write_mailbox_field(name: str, display_name: str, address: str) -> str:
    """A field that names one mailbox: From, To.

    Args:
        name: of the field.
        display_name: whose it is; may be empty.
        address: as ``read_address`` takes it.

    Returns:
        The whole field, lines parted by CRLF, without the last one.

    Raises:
        UnwritableFieldError: the name has a line break or half of a character, or the address is none.
    """
    check_text(name, display_name)
    addr_spec = check_address(name, address)
    if not display_name:
        return f"{name}: {addr_spec}"
    if _is_plain(display_name):
        words = display_name.split(" ")
        if not all(map(_ATOM.fullmatch, words)):
            # A quoted string may be folded at its blanks, which stay (RFC 5322 section 3.2.4).
            escaped = re.sub(r'(["\\])', r"\\\1", display_name)
            words = f'"{escaped}"'.split(" ")
        if _fits(name, words):
            return _fold(name, [*words, f"<{addr_spec}>"], _MAX_LINE)
    return _fold(name, [*_encode(name, display_name), f"<{addr_spec}>"], _MAX_ENCODED_LINE)


def _is_plain(text: str) -> bool:
    """Whether a text needs no encoding: ASCII, with single blanks inside, and nothing that could be an encoded word.

    Blanks at the ends and in a row are encoded, because readers drop them.
    """
    return "=?" not in text and _PLAIN.fullmatch(text) is not None


def _fits(name: str, words: list[str]) -> bool:
    first, *others = words
    return len(name) + 2 + len(first) <= _MAX_LINE and all(1 + len(word) <= _MAX_LINE for word in others)


def _fold(name: str, words: Iterable[str], max_line: int) -> str:
    """The field with a line break before each word that no longer fits; never one behind the field's name."""
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > max_line and len(line) > len(name) + 1:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _encode(name: str, text: str) -> list[str]:
    """Encoded words of whole characters, in the shorter of the two encodings; blanks between them do not count."""
    encode = min((_q_word, _b_word), key=lambda one: len(one(text)))
    room = _MAX_ENCODED_LINE - len(name) - 2
    words: list[str] = []
    held = ""
    for char in text:
        if held and len(encode(held + char)) > room:
            words.append(encode(held))
            held, room = "", _MAX_ENCODED_WORD
        held += char
    return [*words, encode(held)]


def _q_word(text: str) -> str:
    written = (chr(byte) if byte in _Q_SAFE else "_" if byte == 0x20 else f"={byte:02X}" for byte in text.encode())
    return f"=?utf-8?q?{''.join(written)}?="


def _b_word(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode('ascii')}?="
