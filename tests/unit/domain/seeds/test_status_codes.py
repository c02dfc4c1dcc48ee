"""A status code is told from other numbers with two dots, and the one that tells most is chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.seeds.status_codes import find_codes, is_telling, most_telling, read_field


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("550 5.1.1 no such user", ["5.1.1"]),
        ("550-5.7.1 blocked\n550 5.7.1 see below", ["5.7.1", "5.7.1"]),
        ("Sorry, no mailbox here. (#5.1.1)", ["5.1.1"]),
        ("gave up [4.4.7]", ["4.4.7"]),
        ("smtp;5.2.2 full", ["5.2.2"]),
        ("the status 5.7.26 was given", ["5.7.26"]),
        ("550 #5.1.0 Address rejected.", ["5.1.0"]),
        ("5.2.1 at the start of a line", ["5.2.1"]),
        ("550 5.1.10 RESOLVER", ["5.1.10"]),
    ],
)
def test_a_code_is_found_where_codes_stand(words: str, codes: list[str]) -> None:
    assert list(find_codes(words)) == codes


@pytest.mark.parametrize(
    "words",
    [
        "X-Mailer: Some Mailer 5.1.1",
        "Mailer version 5.1.1",
        "(v5.1.1)",
        "Postfix 4.2.1 at your service",
        "host 5.1.1.7 does not answer",
        "[5.1.1.7]",
        "192.5.1.1",
        "on 5.11.26 at noon",
        "Mailer 5.1.1-beta is out",
        "250 2.0.0 accepted",
        "550 5.9.1 no such subject",
        "5.1.1a",
    ],
)
def test_versions_addresses_and_dates_are_no_codes(words: str) -> None:
    assert list(find_codes(words)) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("5.1.1", "5.1.1"),
        (" 4.4.7 (expired)", "4.4.7"),
        ("2.0.0", "2.0.0"),
        ("5.1.1.1", None),
        ("550", None),
        ("", None),
    ],
)
def test_the_field_is_read_from_its_start(value: str, code: str | None) -> None:
    assert read_field(value) == code


@pytest.mark.parametrize(
    "code", ["5.0.0", "4.0.350", "5.1.0", "4.2.0", "5.3.0", "4.4.0", "4.4.7", "5.4.7", "5.4.300", "5.5.0"]
)
def test_codes_that_only_say_that_something_went_wrong_do_not_tell(code: str) -> None:
    assert not is_telling(code)


@pytest.mark.parametrize("code", ["5.1.1", "4.2.2", "4.3.0", "4.4.1", "5.4.310", "5.6.0", "5.7.0", "4.7.1"])
def test_codes_that_name_the_trouble_tell(code: str) -> None:
    assert is_telling(code)


@pytest.mark.parametrize(
    ("field", "words", "code"),
    [
        ("5.1.1", "550 5.7.1 blocked", "5.7.1"),
        ("4.4.7", "421 4.7.0 deferred", "4.7.0"),
        ("5.4.300", "550 5.4.300 expired -> 421 4.7.0 deferred", "4.7.0"),
        ("5.1.1", "550 5.5.1 no valid recipients", "5.1.1"),
        ("5.0.0", "exit 69", "5.0.0"),
        (None, "550 5.5.0 no", "5.5.0"),
        (None, "no", None),
    ],
)
def test_what_the_refusing_host_says_wins_where_it_tells(field: str | None, words: str, code: str | None) -> None:
    assert most_telling(field, words) == code


@given(st.text(alphabet="0123456789. -\n#(vV5", max_size=60))
def test_every_code_is_one_of_a_failure(words: str) -> None:
    for code in find_codes(words):
        class_, subject, detail = (int(part) for part in code.split("."))
        assert class_ in (4, 5)
        assert 0 <= subject <= 7
        assert 0 <= detail <= 999
