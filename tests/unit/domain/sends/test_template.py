import re
from dataclasses import replace
from html import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placement_pipeline.domain.content.markup import read_html
from placement_pipeline.domain.probe import OutgoingProbe, reference_word
from placement_pipeline.domain.roster import RosterEntry
from placement_pipeline.domain.sends.template import (
    MissingFieldError,
    UnparsableTemplateError,
    parse_template,
    render_probe,
)
from placement_pipeline.domain.words import Variant
from tests.tokens import token_of
from tests.unit.domain.content.notations import FIELDS, LOOKALIKES
from tests.unit.domain.rosters import SEED, entry

ANNA = entry(merge_fields={"job_title": "Account Executive"}, signature_html="<p>Anna Berg</p>")
TOKEN = token_of("t-1", "gmail-01")
SUBJECT = "A question for {{ contact.company }}"
BODY = (
    "<p>Hi {{ contact.first_name }},</p><p>I am {{ rep.name }}, {{ rep.job_title }}. "
    '<a href="https://acme.example/demo">See it</a></p><p>Ref. {{ probe.reference }}</p>'
)


def render(
    body: str = BODY, subject: str = SUBJECT, mailbox: RosterEntry = ANNA, variant: Variant = Variant.AS_SENT
) -> OutgoingProbe:
    return render_probe(parse_template("intro", subject, body), mailbox, SEED, TOKEN, variant)


def test_every_merge_field_is_filled_from_rep_contact_and_probe() -> None:
    probe = render()
    assert probe.subject == "A question for Lindholm & Co"
    assert probe.text == (
        f"Hi Vera,\n\nI am Anna Berg, Account Executive. See it\n\nRef. {reference_word(TOKEN)}\n\nAnna Berg\n"
    )
    assert (probe.token, probe.from_address, probe.from_name) == (TOKEN, "anna@acme.example", "Anna Berg")
    assert (probe.to_address, probe.to_name) == ("gmail01@seeds.example", "Vera Lind")
    assert probe.html is not None
    assert "<p>Anna Berg</p>" in probe.html


def test_a_value_is_escaped_in_the_body_and_not_in_the_subject() -> None:
    probe = render("<p>{{ contact.company }}</p>")
    assert (probe.subject, probe.text.splitlines()[0]) == ("A question for Lindholm & Co", "Lindholm & Co")
    assert "Lindholm &amp; Co" in (probe.html or "")


def test_a_subject_is_one_line() -> None:
    assert render(subject="Hi\n {{ contact.first_name }}  there").subject == "Hi Vera there"


def test_the_same_content_is_the_same_version_and_another_is_another() -> None:
    version = parse_template("intro", SUBJECT, BODY).version
    assert re.fullmatch("[0-9a-f]{12}", version)
    assert parse_template("other", SUBJECT, BODY).version == version
    assert parse_template("intro", SUBJECT + "!", BODY).version != version
    assert parse_template("intro", SUBJECT, BODY + "!").version != version


@pytest.mark.parametrize("broken", ["{{ rep.name", "{% if x %}", "{{ rep.name | nosuchfilter }}", "{{ }}"])
@pytest.mark.parametrize("part", ["subject", "body"])
def test_a_template_that_does_not_parse_says_where(broken: str, part: str) -> None:
    source = f"first line\n{broken}"
    with pytest.raises(UnparsableTemplateError, match=f"^Template intro: the {part} does not parse, line 2: "):
        parse_template("intro", *(source, "") if part == "subject" else ("", source))


@pytest.mark.parametrize("field", ["rep.phone", "contact.phone", "probe.phone", "deal.title", "rep['phone number']"])
def test_a_field_that_nobody_has_stops_the_probe_and_names_the_template_and_the_part(field: str) -> None:
    with pytest.raises(MissingFieldError, match=r"^Template intro, body: .*has no value.*fill it in the table"):
        render(f"<p>{{{{ {field} }}}}</p>")


def test_an_empty_cell_is_a_missing_value_and_the_message_names_the_field() -> None:
    with pytest.raises(MissingFieldError, match="job_title"):
        render(mailbox=replace(ANNA, merge_fields={"job_title": "  "}))


def test_a_field_may_be_optional_where_the_template_says_so() -> None:
    assert render("{% if rep.phone is defined %}{{ rep.phone }}{% else %}-{% endif %}").text.startswith("-")


@pytest.mark.parametrize(
    "expression",
    ["rep", "rep.items", "rep.values", "rep.name.upper", "contact", "1 / 0", "rep.name + 1", "range(10 ** 9)"],
)
def test_an_expression_that_gives_no_text_is_never_sent(expression: str) -> None:
    with pytest.raises(MissingFieldError, match=r"^Template intro, body: "):
        render(f"<p>{{{{ {expression} }}}}</p>")


@pytest.mark.parametrize("expression", ["''.__class__.__mro__", "rep.__class__", "rep.update({'a': 'b'})"])
def test_a_template_cannot_reach_out_of_its_sandbox(expression: str) -> None:
    with pytest.raises(MissingFieldError):
        render(f"<p>{{{{ {expression} }}}}</p>")


def test_what_a_template_may_not_do_and_a_field_that_is_not_there_each_say_what_to_do() -> None:
    with pytest.raises(
        MissingFieldError, match=r"no template may do this \(access to attribute '__class__'.*take it out"
    ):
        render("<p>{{ ''.__class__ }}</p>")
    with pytest.raises(MissingFieldError, match=r"no attribute 'job_titel'.*correct its name, fill it in the table"):
        render("<p>{{ rep.job_titel }}</p>")


@pytest.mark.parametrize("left", FIELDS)
@pytest.mark.parametrize("place", ["<p>{}</p>", "<a href='https://acme.example/?n={}'>x</a>", "<b>Hi</b> {}"])
def test_an_unfilled_field_of_another_tool_stops_the_probe_wherever_it_stands(left: str, place: str) -> None:
    written = place.replace("{}", escape(left) if "href" in place else left)
    for mailbox, body in ((replace(ANNA, signature_html=written), BODY), (ANNA, f"{{% raw %}}{written}{{% endraw %}}")):
        with pytest.raises(MissingFieldError, match="left unfilled"):
            render(body, mailbox=mailbox)


@pytest.mark.parametrize("left", ["{{first_name}}", "[Your Name]", "*|FNAME|*"])
def test_an_unfilled_field_in_the_subject_or_in_a_name_stops_the_probe(left: str) -> None:
    for subject, mailbox in ((f"{{% raw %}}Hi {left}{{% endraw %}}", ANNA), (SUBJECT, replace(ANNA, rep_name=left))):
        with pytest.raises(MissingFieldError, match="left unfilled"):
            render("<p>Hi</p>", subject, mailbox)


def test_a_body_too_long_to_be_looked_through_is_not_sent() -> None:
    with pytest.raises(MissingFieldError, match="more than 400000 characters"):
        render("<p>Hi</p>" + "x" * 400_000 + "{% raw %}{{first_name}}{% endraw %}")


def test_an_unfilled_field_that_was_encoded_into_a_link_is_found_too() -> None:
    with pytest.raises(MissingFieldError, match="left unfilled"):
        render('<a href="https://acme.example/?n=%7B%7Bfirst_name%7D%7D">x</a>')


@pytest.mark.parametrize(
    "harmless",
    [
        '<a href="https://acme.example/%C3%BCber%20uns">x</a>',
        "<p>100% sure, [link] and {braces}</p>",
        "<style>p{color:red}@media{p{color:blue}}</style>",
        *LOOKALIKES,
    ],
)
def test_what_only_looks_like_a_field_does_not_stop_it(harmless: str) -> None:
    assert render(mailbox=replace(ANNA, signature_html=harmless)).html is not None


def test_variants_leave_out_what_they_say() -> None:
    signature = '<p>Anna <img src="https://t.example/p.gif"><img src=//t.example/q.gif><img src="cid:logo"></p>'
    mailbox = replace(ANNA, signature_html=signature)
    as_sent, plain, untracked, unsigned = (
        render(mailbox=mailbox, variant=variant)
        for variant in (Variant.AS_SENT, Variant.PLAIN_CONTROL, Variant.NO_TRACKING, Variant.NO_SIGNATURE)
    )
    assert as_sent.html is not None
    assert "https://acme.example/demo" in as_sent.html
    assert "t.example" in as_sent.html
    assert plain.html is None
    assert "See it" in plain.text
    assert "http" not in plain.text
    assert untracked.html is not None
    assert not read_html(untracked.html).links
    assert "t.example" not in untracked.html
    assert "cid:logo" in untracked.html
    assert "See it" in untracked.text
    assert "cid:logo" not in (unsigned.html or "")
    assert unsigned.subject == as_sent.subject


def test_text_keeps_paragraphs_apart_and_leaves_out_what_nobody_sees() -> None:
    page = "<head><title>T</title><style>p{}</style></head><!-- no --><p>One\ntwo</p><br><p>Three&nbsp;&amp; four</p>"
    assert read_html(page).plain_text == "One two\n\nThree & four\n"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<html><head><title>T</title><body>Hi</body>", "Hi\n"),
        ("<!--[if mso]>x<![endif]-->Hi", "Hi\n"),
        ("<!DOCTYPE html>Hi", "Hi\n"),
        ("</style>Hi", "Hi\n"),
        ("", "\n"),
    ],
)
def test_text_is_found_in_pages_as_mail_programs_write_them(page: str, text: str) -> None:
    assert read_html(page).plain_text == text


pieces = st.sampled_from(
    [
        "<",
        ">",
        "<!",
        "<![",
        "<![if ",
        "]>",
        "<!--",
        "-->",
        "<p",
        "</",
        "<head>",
        "<style>",
        "&#",
        "&#x",
        "9" * 5000,
        ";",
    ]
)


@given(st.lists(pieces | st.text(max_size=8), max_size=12).map("".join))
@example("<![foo[x]]>")
@example("<![0")
@example("&#" + "9" * 5000 + ";")
@example('<a href="&#' + "9" * 5000 + ';">')
def test_no_page_crashes_a_reader(page: str) -> None:
    assert read_html(page).plain_text.endswith("\n")


words = st.text(st.characters(codec="utf-8"), max_size=12)
sources = st.lists(
    st.sampled_from(
        ["{{ rep.name }}", "{{ rep.note }}", "{{ contact.first_name }}", "{{ contact.company }}", "<p>", "<b>", "Hi, "]
    ),
    max_size=6,
).map("".join)


@given(sources, sources, words, words, st.sampled_from(Variant))
@example("", "{{ rep.note }}{{ rep.name }}", "{{ x", "}}", Variant.AS_SENT)
def test_what_is_rendered_holds_no_merge_field_or_is_not_sent(
    subject: str, body: str, note: str, name: str, variant: Variant
) -> None:
    mailbox = replace(ANNA, rep_name=name, merge_fields={"note": note})
    try:
        probe = render(body, subject, mailbox, variant)
    except MissingFieldError:
        return
    for part in (probe.subject, probe.text):
        assert not re.search(r"\{\{[ \w.|]*\}\}|\{% ?\w[^%]*%\}", part, re.ASCII)
    assert "\n" not in probe.subject
