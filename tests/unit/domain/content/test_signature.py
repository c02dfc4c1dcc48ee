"""The signature: recognised by marks or because it is known, and weighed against the message."""

import pytest

from placement_pipeline.domain.content.reading import Content, read_content
from placement_pipeline.domain.content.rules import audit_content, image_weight, signature_weight

WORDS = "A sentence of a sales mail, read by someone who has little time. " * 12
NAME = "Anna Berg<br>Senior Account Executive<br>Acme Logistics"
LINK = '<a href="https://www.acme.example/">acme.example</a>'
LOGO = '<img src="https://www.acme.example/logo.png" width="120" height="40">'
BANNER = '<img src="https://www.acme.example/banner.png" width="600" height="200">'


def html(page: str, known: str = "") -> Content:
    return read_content(f"Content-Type: text/html; charset=utf-8\r\n\r\n{page}".encode(), known)


def codes(content: Content) -> set[str]:
    return {finding.code for finding in audit_content(content, "acme.example", "m")} - {"text_part_missing"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<div class="gmail_signature" data-smartmail="gmail_signature">', "</div>"),
        ('<div dir="ltr" class="gmail_signature"><div dir="ltr">', "</div></div>"),
        ('<div id="Signature">', "</div>"),
        ('<div id="x_Signature">', "</div>"),
        ('<div class="ms-outlook-ios-signature" id="ms-outlook-mobile-signature">', "</div>"),
        ('<div id="AppleMailSignature" dir="ltr">', "</div>"),
        ('<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">', "</div>"),
        ('<div class="moz-signature">', "</div>"),
        ('<div name="messageSignatureSection">', "</div>"),
        ('<table id="wisestamp_app"><tr><td>', "</td></tr></table>"),
        ('<p><a name="_MailAutoSig">Regards</a></p><p>', "</p>"),
        ("<p>-- </p><p>", "</p>"),
        ("--&nbsp;<br>", ""),
    ],
)
def test_the_marks_of_mail_programs_begin_a_signature(before: str, after: str) -> None:
    content = html(f"<p>{WORDS}</p>{before}{NAME}{LOGO}{LINK}{after}")
    assert content.signature is not None
    assert content.signature.found_by == "mark"
    text = len("Anna Berg Senior Account Executive Acme Logisticsacme.example")
    assert text <= content.signature.text_count <= text + len(" Regards ")
    assert (content.signature.link_count, len(content.signature.images)) == (1, 1)
    assert content.signature.byte_count < len(f"{before}{NAME}{LOGO}{LINK}{after}") + 1


@pytest.mark.parametrize(
    "page",
    [
        f"<p>{WORDS}</p><p>{NAME}</p>",
        "<p>before -- after</p>",
        "<p>--- </p>",
        '<div class="design">x</div>',
        '<div class="gmail_signature"></div>x',
    ],
)
def test_without_a_mark_there_is_no_signature(page: str) -> None:
    assert html(page).signature is None


def test_a_signature_ends_with_its_element_and_before_the_message_that_is_answered() -> None:
    ended = html(f'<div class="gmail_signature">Anna Berg</div><p>{WORDS}</p>')
    assert ended.signature is not None
    assert ended.signature.text_count == len("Anna Berg")
    quoted = html(f'<p>--</p><p>Anna Berg</p><div class="gmail_quote">{WORDS}</div>')
    assert quoted.signature is not None
    assert quoted.signature.text_count == len("Anna Berg")


def test_the_signature_of_a_plain_message_stands_below_the_separator() -> None:
    raw = b"Content-Type: text/plain\r\n\r\nHi\r\n-- \r\nAnna Berg\r\nhttps://www.acme.example/\r\n"
    content = read_content(raw)
    assert content.signature is not None
    assert content.signature.text_count == len("Anna Berg https://www.acme.example/")
    assert content.signature.link_count == 1
    assert read_content(raw.replace(b"-- \r\n", b"--- \r\n")).signature is None


def test_a_known_signature_is_found_without_a_mark() -> None:
    known = f"<p>{NAME}<br>{LINK}</p>{LOGO}"
    content = html(f"<p>{WORDS}</p>{LOGO}<div>{NAME}<br/>{LINK}</div><div>{LOGO}</div>", known)
    assert content.signature is not None
    assert content.signature.found_by == "roster"
    assert (content.signature.link_count, len(content.signature.images)) == (1, 1)
    assert html(f"<p>{WORDS}</p>", known).signature is None
    assert html("<p>Anna</p>", "<p>A</p>").signature is None, "a letter stands anywhere"


def test_a_known_image_is_found_although_the_provider_made_a_part_of_it() -> None:
    known = f'<img src="data:image/png;base64,{"A" * 24_000}" width="600" height="360">'
    body = (
        f'--b\r\nContent-Type: text/html\r\n\r\n<p>{WORDS}</p><img src="cid:1" width="600" height="360">\r\n'
        f"--b\r\nContent-Type: image/png\r\nContent-ID: <1>\r\n\r\n{'x' * 18_000}\r\n--b--\r\n"
    )
    content = read_content(f"Content-Type: multipart/related; boundary=b\r\n\r\n{body}".encode(), known)
    assert content.signature is not None
    assert len(content.signature.images) == 1


@pytest.mark.parametrize(
    ("page", "is_heavy"),
    [
        (f'<p>{WORDS}</p><div class="gmail_signature">{NAME}{BANNER}</div>', True),
        (f'<p>{WORDS}</p>{BANNER}<div class="gmail_signature">{NAME}</div>', False),
        (f'<p>{WORDS}</p><div class="gmail_signature">{NAME}{LOGO}{LINK}</div>', False),
        (f'<p>Short.</p><div class="gmail_signature">{NAME}{LOGO}{LOGO}</div>', True),
        (f'<p>Short.</p><div class="gmail_signature">{NAME}{LOGO}</div>', False),
        (f'<p>Short.</p><div class="gmail_signature">{WORDS}</div>', False),
        (f'<p>Short.</p>{LOGO * 2}<div class="gmail_signature">{NAME}{LOGO * 2}</div>', False),
    ],
)
def test_a_signature_is_heavy_where_it_outweighs_what_the_rep_wrote(page: str, is_heavy: bool) -> None:
    assert (signature_weight(html(page)) is not None) is is_heavy
    assert ("signature_heavy" in codes(html(page))) is is_heavy


def test_the_remedy_says_where_the_heavy_image_is() -> None:
    def remedy(page: str) -> str:
        return next(one.remedy for one in audit_content(html(page), "acme.example", "m") if one.code == "image_heavy")

    signed = f'<div class="gmail_signature">{NAME}</div>'
    assert "in the signature by text" in remedy(f'<p>{WORDS}</p><div class="gmail_signature">{NAME}{BANNER}</div>')
    assert "in the template by text" in remedy(f"<p>{WORDS}</p>{BANNER}{signed}")
    assert "in the signature or template" in remedy(f"<p>{WORDS}</p>{BANNER}")
    assert "in the signature and template" in remedy(
        f'<p>{WORDS}</p>{BANNER}<div class="gmail_signature">{NAME}{BANNER}</div>'
    )


def test_the_evidence_says_what_share_the_signature_has() -> None:
    content = html(f'<p>{WORDS}</p><div class="gmail_signature">{NAME}{LOGO}{LINK}</div>')
    (finding,) = [one for one in audit_content(content, "acme.example", "m") if one.code == "text_part_missing"]
    shown = finding.evidence["signature"]
    assert isinstance(shown, dict)
    assert (shown["image_count"], shown["link_count"], shown["found_by"]) == (1, 1, "mark")
    assert 0 < shown["byte_rate"] < 0.5
    assert 0 < shown["text_rate"] < 0.1
    assert image_weight(content) is None
