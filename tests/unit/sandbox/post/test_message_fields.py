"""Header fields of mail that the sandbox carries."""

import pytest

from placement_pipeline.sandbox.post.message_fields import field_value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?b?A?=", "=?utf-8?b?A?="),
        (b"=?no-such-charset?q?x?=", "=?no-such-charset?q?x?="),
    ],
)
def test_a_broken_encoded_word_is_read_as_it_stands(written: bytes, read: str) -> None:
    assert field_value([b"Subject: " + written], "Subject") == read
