"""What of a message could not be read is told: such a message is never called sound."""

import base64

import pytest

from placement_pipeline.domain.audit.message import ReceivedMessage, audit_stored_message
from placement_pipeline.domain.content.reading import read_content
from placement_pipeline.domain.content.rules import audit_content
from placement_pipeline.domain.mime import read_body

HEAD = "From: anna@acme.example\r\nMIME-Version: 1.0\r\n"
TEXT = "Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
PAGE = "<p>Hello</p>"
SMIME = "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename={}\r\n\r\nMIIBAAAA\r\n"
FILE = "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF\r\n"
SEALED = "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"


def parts(kind: str, *several: str) -> str:
    return f"Content-Type: {kind}; boundary=b\r\n\r\n" + "".join(f"--b\r\n{one}" for one in several) + "--b--\r\n"


def encoded(kind: str, encoding: str, text: str, charset: str = "utf-8") -> str:
    return f"Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n"


def codes(message: str | bytes) -> list[str]:
    raw = HEAD.encode() + (message if isinstance(message, bytes) else message.encode())
    found = audit_stored_message(ReceivedMessage(raw, "m"))
    return [one.code for one in found if one.check == "content"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n" + SMIME.format("smime.p7m"), "S/MIME"),
        ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n" + SMIME.format("x.p7m"), "S/MIME"),
        ("Content-Type: application/x-pkcs7-mime\r\n" + SMIME.format("smime.p7m"), "S/MIME"),
        ("Content-Type: application/octet-stream\r\n" + SMIME.format("SMIME.P7M"), "S/MIME"),
        (
            parts("multipart/mixed", "Content-Type: application/pkcs7-mime\r\n" + SMIME.format("smime.p7m"), TEXT),
            "S/MIME",
        ),
        (parts("multipart/encrypted", SEALED, "Content-Type: application/octet-stream\r\n\r\nx\r\n"), "encrypted"),
        (parts("multipart/mixed", TEXT, SEALED, FILE), "encrypted"),
        ("Content-Type: text/plain\r\n\r\nHi\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n", "encrypted"),
        (
            parts("multipart/mixed", TEXT, "Content-Type: application/x-microsoft-rpmsg-message\r\n\r\nx\r\n"),
            "encrypted",
        ),
        (encoded("text/plain", "x-secret", "Hello"), "transfer encoding 'x-secret'"),
        (encoded("text/html", "base65", PAGE), "transfer encoding 'base65'"),
        (parts("multipart/alternative", TEXT, encoded("text/html", "x-gzip64", PAGE)), "transfer encoding"),
        (encoded("text/plain", "base64", "this was never encoded!"), "base64 of a part is broken"),
        (encoded("text/html", "base64", "A"), "base64 of a part is broken"),
        (encoded("text/plain", "8bit", "Grüße", "x-unheard-of"), "character set 'x-unheard-of'"),
        ("Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx\r\n", "application/ms-tnef"),
        ("Content-Type: text/enriched\r\n\r\n<bold>Hello</bold>\r\n", "text/enriched"),
        ("Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<p>Hello</p>\r\n", "text/html"),
        (parts("multipart/mixed", FILE), "application/pdf"),
        ("Content-Type: message/partial; id=a; number=1; total=2\r\n\r\nHello\r\n", "divided"),
        (
            parts("multipart/mixed", TEXT, "Content-Type: message/external-body; access-type=URL\r\n\r\nA: b\r\n\r\n"),
            "kept elsewhere",
        ),
        ("Content-Type: multipart/mixed\r\n\r\nno boundary is named\r\n", "multipart/mixed"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_never_sound(message: str, reason: str) -> None:
    assert codes(message) == ["content_unknown"]
    assert reason in "; ".join(read_body((HEAD + message).encode()).unread)


@pytest.mark.parametrize(
    "message",
    [
        TEXT,
        "\r\nHello\r\n",
        "\r\n",
        parts("multipart/signed", TEXT, "Content-Type: application/pkcs7-signature\r\n" + SMIME.format("smime.p7s")),
        parts("multipart/mixed", TEXT, "Content-Type: application/pkcs7-mime\r\n" + SMIME.format("bill.xml.p7m")),
        parts("multipart/mixed", TEXT, FILE),
        encoded("text/plain", "Base64 (as ever)", base64.b64encode(b"Hello").decode()),
        encoded("text/plain", " QUOTED-PRINTABLE ", "Gr=C3=BC=C3=9Fe"),
        encoded("text/plain", "base64", base64.b64encode(b"Hello").decode().rstrip("=")),
        encoded("text/plain", "7bit", "Hello", "x-unheard-of"),
        "Content-Type: text/plain\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nHello\r\n",
        "Content-Type: text/plain\r\n\r\nPaste the -----BEGIN PGP MESSAGE----- block.\r\n",
    ],
)
def test_what_was_read_is_not_called_unknown(message: str) -> None:
    assert codes(message) == ["content_ok"]
    assert read_body((HEAD + message).encode()).unread == ()


def test_a_transfer_encoding_with_a_comment_is_undone() -> None:
    message = encoded("text/plain", "Base64 (as ever)", base64.b64encode(b"Hello").decode())
    assert read_body((HEAD + message).encode()).text == "Hello"


def test_what_is_there_is_told_of_a_message_that_was_not_wholly_read_and_what_it_lacks_is_not() -> None:
    page = '<p>Hi</p><a href="https://bit.ly/3xYz">x</a><img src="https://a.example/b.png" width=600 height=300>'
    sealed = "Content-Type: application/pkcs7-mime\r\n" + SMIME.format("smime.p7m")
    whole = parts("multipart/mixed", f"Content-Type: text/html\r\n\r\n{page}\r\n")
    assert codes(whole) == ["image_heavy", "link_shortener", "text_part_missing"]
    assert codes(parts("multipart/mixed", f"Content-Type: text/html\r\n\r\n{page}\r\n", sealed)) == [
        "link_shortener",
        "content_unknown",
    ]


def test_a_text_that_is_longer_than_is_read_is_not_sound_for_what_was_read() -> None:
    content = read_content(b"Content-Type: text/plain\r\n\r\n" + b"word " * 100_000)
    assert [one.code for one in audit_content(content, "acme.example", "m")] == ["content_unknown"]
