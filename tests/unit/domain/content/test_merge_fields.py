"""Merge fields in the notations of sales tools, and what only looks like one."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.content.merge_fields import find_unfilled
from placement_pipeline.domain.content.reading import read_content
from tests.unit.domain.content.notations import FIELDS, LOOKALIKES


@pytest.mark.parametrize(
    "field",
    FIELDS,
)
def test_merge_fields_sent_as_they_stand_are_found_in_text_and_subject(field: str) -> None:
    text = read_content(f"Content-Type: text/plain; charset=utf-8\r\n\r\nHi {field},\r\n".encode())
    subject = read_content(f"Subject: Hi {field}\r\n\r\nHi\r\n".encode())
    assert text.unfilled_fields == (field,)
    assert not field.isascii() or subject.unfilled_fields == (field,)


@pytest.mark.parametrize(
    "text",
    LOOKALIKES,
)
def test_styles_data_and_prose_are_no_merge_fields(text: str) -> None:
    assert find_unfilled([text.replace("<style>{first_name}", "<style>")]) == ()
    assert read_content(f"Content-Type: text/html; charset=utf-8\r\n\r\n{text}".encode()).unfilled_fields == ()


def test_merge_fields_are_found_wherever_a_reader_meets_them() -> None:
    page = (
        '<div style="display:none">{{ preview }}</div><p>&#123;&#123; escaped }}</p>'
        '<a href="https://x.example/?n=%7B%7B%20link%20%7D%7D">x</a><p>{{ over\r\ntwo_lines }}</p>'
    )
    raw = f"Subject: =?utf-8?b?e3sgc3ViamVjdCB9fQ==?=\r\nContent-Type: text/html\r\n\r\n{page}"
    assert read_content(raw.encode()).unfilled_fields == (
        "{{ subject }}",
        "{{ preview }}",
        "{{ escaped }}",
        "{{ over  two_lines }}",
        "{{ link }}",
    )


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_found_in_a_page_wherever_it_is_written_even_where_it_looks_like_a_tag(field: str) -> None:
    for page in (f"<p>Hi {field}, x</p>", f"<p>Hi {escape(field)}, x</p>", f'<img alt="{escape(field)}"> x'):
        raw = f"Content-Type: text/html; charset=utf-8\r\n\r\n{page}".encode()
        assert read_content(raw).unfilled_fields == (field,), page


def test_no_more_than_ten_are_named_and_each_once() -> None:
    assert find_unfilled(["{{ a }} {{ a }}"]) == ("{{ a }}",)
    assert len(find_unfilled([" ".join(f"{{{{ a{n} }}}}" for n in range(30))])) == 10


@given(st.text(alphabet="{}[]%$*|<>«»!#a_. \n", max_size=200))
def test_no_text_crashes_the_search(text: str) -> None:
    assert all(field in text for field in find_unfilled([text]))
