"""What a filter sees in a body."""

from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.sandbox.post.content import weigh_content
from placement_pipeline.sandbox.world.faults import Faults
from placement_pipeline.sandbox.world.file import World
from placement_pipeline.sandbox.world.signatures import signature_html
from tests.unit.sandbox.conftest import write_mail

PIXEL = '<img src="https://track.pipedrive-mail.example/open/8f2a" width="1" height="1" alt="">'


def mail(**parts: str) -> bytes:
    return write_mail("anna.berg@acme.example", "nora@seed.example", **parts)


def test_an_ordinary_mail_is_neither_heavy_nor_tracked(world: World) -> None:
    content = weigh_content(mail(signature=signature_html(world, Faults(()), "anna.berg@acme.example")))
    assert content.link_hosts == {"www.acme.example"}
    assert content.text_chars > 500
    assert not content.is_image_heavy
    assert not content.is_tracked


def test_a_signature_that_is_a_picture_makes_the_mail_heavy(world: World) -> None:
    banner = signature_html(world, Faults(world.faults), "carla.rossi@acme.example")
    assert weigh_content(mail(signature=banner)).is_image_heavy


def test_an_attached_picture_weighs_as_much_as_an_inline_one() -> None:
    message = EmailMessage()
    message.set_content("Short.")
    message.add_attachment(bytes(20_000), maintype="image", subtype="png")
    assert weigh_content(message.as_bytes()).is_image_heavy


def test_a_large_linked_picture_is_heavy_and_a_small_one_is_not() -> None:
    large, small = (f'<img src="https://www.acme.example/a.png" width="{w}" height="{w}">' for w in (700, 40))
    assert weigh_content(mail(signature=large)).is_image_heavy
    assert not weigh_content(mail(signature=small)).is_image_heavy


def test_a_pixel_with_rewritten_links_is_tracking() -> None:
    assert weigh_content(mail(pixel=PIXEL, link="https://track.pipedrive-mail.example/c/1")).is_tracked


def test_a_pixel_alone_is_not_tracking() -> None:
    assert not weigh_content(mail(pixel=PIXEL)).is_tracked


def test_links_of_a_plain_mail_are_seen() -> None:
    message = EmailMessage()
    message.set_content("See https://click.linkmetrics.example/c/8f and (http://www.acme.example).")
    assert weigh_content(message.as_bytes()).hosts == {"click.linkmetrics.example", "www.acme.example"}


def test_a_marked_section_that_the_parser_does_not_know_does_not_stop_the_filter() -> None:
    weigh_content(b"Content-Type: text/html\r\n\r\n<p>Hello</p><![A\x00")


@given(st.binary(max_size=400))
def test_no_body_stops_the_filter(body: bytes) -> None:
    weigh_content(b"Content-Type: text/html; charset=nonsense\r\n\r\n<a href='http://[x'>" + body)
