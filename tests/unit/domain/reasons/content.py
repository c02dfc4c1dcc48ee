"""Cases of the reason codes in ``domain.reasons.content``."""

from tests.unit.domain.reasons.cases import Case, Pair, message
from tests.unit.domain.zones import (
    mail,
)


def html(page: str, text: str | None = "Hello") -> Case:
    part = f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n" if text else ""
    body = f"{part}--b\r\nContent-Type: text/html\r\n\r\n{page}\r\n--b--\r\n"
    return message(mail("acme.example", body, "Content-Type: multipart/alternative; boundary=b"))


WORDS = "A sentence of a sales mail, read by someone who has little time. " * 12


OWN_LINK = '<a href="https://www.acme.example/a">a</a>'


BANNER = '<img src="https://www.acme.example/b.png" width="600" height="300">'


PIXEL = '<img src="https://track.tracker.example/open/1" width="1" height="1">'


REWRITTEN = "".join(f'<a href="https://c.tracker.example/l/x{n}9a8b7c6d5e4f3a2b1c">go</a>' for n in (1, 2))


FOREIGN = '<a href="https://www.linkedin.example/in/anna">a</a><a href="https://docs.example.com/handbook">b</a>'


CASES: dict[str, Pair] = {
    "content_ok": Pair(html(f"<p>{WORDS}</p>{OWN_LINK}"), html(PIXEL)),
    "image_heavy": Pair(
        html('<p>Hi</p><img src="https://www.acme.example/b.png" width="600" height="300">'),
        html(f'<p>{WORDS}</p><img src="https://www.acme.example/logo.png" width="180" height="60">'),
    ),
    "signature_heavy": Pair(
        html(f'<p>{WORDS}</p><div class="gmail_signature">Anna{BANNER}</div>'),
        html(f'<p>{WORDS}</p>{BANNER}<div class="gmail_signature">Anna</div>'),
    ),
    "tracking_pixel": Pair(
        html(PIXEL), html('<img src="https://www.acme.example/line.png" width="600" height="1" style="line-height:0">')
    ),
    "links_rewritten": Pair(html(WORDS + REWRITTEN), html(WORDS + FOREIGN)),
    "link_shortener": Pair(
        html(f'{WORDS}<a href="https://bit.ly/3xYz">a</a>'),
        html(f'{WORDS}<a href="https://www.bitly.example/3xYz">a</a>'),
    ),
    "link_text_differs": Pair(
        html(f'{WORDS}<a href="https://c.tracker.example/l">www.acme.example</a>'),
        html(f'{WORDS}<a href="https://go.acme.example/l">www.acme.example</a>'),
    ),
    "html_clipped": Pair(html(f"<p>{'x' * 103 * 1024}</p>"), html(f"<p>{'x' * 101 * 1024}</p>")),
    "unfilled_merge_field": Pair(
        html("<p>Hi {{ contact.first_name }}</p>"), html("<style>p {color: red}</style><p>Hi Sam {really}</p>")
    ),
    "text_part_missing": Pair(html("<p>Hi</p>", text=None), html("<p>Hi</p>")),
    "content_unknown": Pair(message(b"Content-Type: multipart/x\r\n" * 60), message(mail())),
}
