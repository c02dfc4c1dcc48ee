"""A raw message is read as Gmail writes it, padded or not."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.connectors.errors import ReadError
from placement_pipeline.connectors.google.wire import raw_of
from placement_pipeline.connectors.http import understood


@given(st.binary(max_size=60))
def test_base64_without_its_padding_is_read(content: bytes) -> None:
    padded = base64.urlsafe_b64encode(content).decode()
    assert raw_of({"raw": padded}) == raw_of({"raw": padded.rstrip("=")}) == content


@pytest.mark.parametrize("message", [{}, {"raw": None}, {"raw": 7}, {"raw": "A"}])
def test_what_is_no_base64_is_an_answer_that_cannot_be_understood(message: dict[str, object]) -> None:
    with pytest.raises(ReadError, match="cannot be understood"), understood("a seed"):
        raw_of(message)
