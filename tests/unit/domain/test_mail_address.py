"""One definition of an address that can be sent to: table, settings and messages take and refuse the same ones."""

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.connectors.probe_shapes import UnsendableProbeError, build_draft, build_email
from placement_pipeline.connectors.roster_table.reading import read_roster_file
from placement_pipeline.domain.mail_address import ADDRESS, NoMailAddressError, fold_address, read_address
from placement_pipeline.domain.probe import OutgoingProbe
from placement_pipeline.domain.roster import mailbox_id_of
from placement_pipeline.domain.words import MailProvider, ProviderFamily
from placement_pipeline.settings import Contact, ControlMailbox, Seed
from tests.tokens import token_of

GOOD = {
    "anna@acme.example": "anna@acme.example",
    "Anna.Berg@ACME.example": "Anna.Berg@acme.example",
    "anna+crm@acme.example": "anna+crm@acme.example",
    "o'brien@acme.example": "o'brien@acme.example",
    "a/b=c_!#$%&*?^`{|}~-d@acme.example": "a/b=c_!#$%&*?^`{|}~-d@acme.example",
    "1@2.example": "1@2.example",
    "anna@a-b.c--d.co.example": "anna@a-b.c--d.co.example",
    "anna@bücher.example": "anna@xn--bcher-kva.example",
    "anna@BÜCHER.Example": "anna@xn--bcher-kva.example",
    "anna@bu\u0308cher.example": "anna@xn--bcher-kva.example",
    "anna@straße.example": "anna@xn--strae-oqa.example",
    "anna@xn--bcher-kva.example": "anna@xn--bcher-kva.example",
    "anna@例え。テスト": "anna@xn--r8jz45g.xn--zckzah",
    f"{'a' * 64}@acme.example": f"{'a' * 64}@acme.example",
    f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 52}.example": f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 52}.example",
}

BAD = {
    "mailto:anna@acme.example": "begins with mailto:",
    "MailTo:anna@acme.example": "begins with mailto:",
    "SMTP:anna@acme.example": "begins with smtp:",
    "\u200banna@acme.example": "cannot be seen",
    "anna@acme\u200b.example": "cannot be seen",
    "anna@acme.example\u200b": "cannot be seen",
    "\ufeffanna@acme.example": "cannot be seen",
    "an\u00adna@acme.example": "cannot be seen",
    "anna@acme\u2060.example": "cannot be seen",
    "\u202aanna@acme.example\u202c": "cannot be seen",
    "anna\x00@acme.example": "cannot be seen",
    "anna@\u3164acme.example": "cannot be seen",
    "anna@acme.example.": "ends with a dot",
    "anna@acme.example..": "ends with a dot",
    "anna@acme.example\u3002": "ends with a dot",
    "anna berg@acme.example": "blank",
    "anna@acme .example": "blank",
    "anna\u00a0@acme.example": "blank",
    "<anna@acme.example>": "brackets",
    "Anna<anna@acme.example>": "brackets",
    '"anna"@acme.example': "quotes",
    "anna@acme.example,bo@acme.example": "commas",
    "anna@acme.example;": "commas",
    "anna(home)@acme.example": "brackets",
    "anna@[192.0.2.1]": "brackets",
    "acme.example": "has no at sign",
    "anna.acme.example": "has no at sign",
    "anna\uff20acme.example": "has no at sign",
    "anna@@acme.example": "more than one at sign",
    "anna@acme.example@acme.example": "more than one at sign",
    "@acme.example": "before the at sign",
    ".anna@acme.example": "before the at sign",
    "anna.@acme.example": "before the at sign",
    "anna..berg@acme.example": "before the at sign",
    "jörg@acme.example": "SMTPUTF8.*plain letters",
    "アンナ@acme.example": "SMTPUTF8.*plain letters",
    "anna@": "domain",
    "anna@acme": "no dot",
    "anna@localhost": "no dot",
    "anna@.example": "after the at sign",
    "anna@acme..example": "after the at sign",
    "anna@-acme.example": "after the at sign",
    "anna@acme-.example": "after the at sign",
    "anna@acme_mail.example": "after the at sign",
    "anna@acme/.example": "after the at sign",
    "anna@192.0.2.1": "after the at sign",
    f"anna@{'a' * 64}.example": "after the at sign",
    f"anna@{'ü' * 64}.example": "after the at sign",
    f"{'a' * 65}@acme.example": "longer",
    f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 53}.example": "longer",
}  # fmt: skip


PROBE = OutgoingProbe(token_of("t", "s"), "anna@acme.example", "Anna", "kim@seeds.example", "Kim", "Hi", "Hi", None)
SENT_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def tabled(folder: Path, address: str) -> str:
    """The address as the table of mailboxes gives it."""
    path = folder / "mailboxes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["user_email", "address", "provider", "sync"], ["anna@acme.example", address, "google", "off"]]
        )
    return read_roster_file(path)[0].address


def seed(address: str) -> str:
    contact = Contact(name="Kim", company="Globex")
    return Seed(id="gmail-01", address=address, family=ProviderFamily.GMAIL, contact=contact).address


def control(address: str) -> str:
    return ControlMailbox(address=address, provider=MailProvider.GOOGLE).address


def sent_to(address: str) -> str:
    header = build_email(replace(PROBE, to_name="", to_address=address), SENT_AT).as_string().partition("\n\n")[0]
    return header.partition("\nTo: ")[2].partition("\n")[0].strip()


def drafted_to(address: str) -> str:
    return str(build_draft(replace(PROBE, to_address=address))["toRecipients"][0]["emailAddress"]["address"])


@pytest.mark.parametrize(("address", "written"), GOOD.items())
def test_a_good_address_is_taken_alike_by_table_settings_and_message(
    tmp_path: Path, address: str, written: str
) -> None:
    assert read_address(address) == written
    assert read_address(written) == written, "what is written is an address"
    assert re.search(ADDRESS, written), "and passes the check on the stored roster"
    assert tabled(tmp_path, address) == written.lower()
    for take in (seed, control, sent_to, drafted_to):
        assert take(address) == written


@pytest.mark.parametrize(("address", "reason"), BAD.items())
def test_a_bad_address_is_refused_alike_by_table_settings_and_message(
    tmp_path: Path, address: str, reason: str
) -> None:
    with pytest.raises(NoMailAddressError, match=reason) as caught:
        read_address(address)
    assert "@" not in str(caught.value)
    assert "acme" not in str(caught.value)
    assert not re.search(ADDRESS, address)
    for take in (seed, control):
        with pytest.raises(ValidationError, match=f"{reason}.*write one plain mail address"):
            take(address)
    for build in (sent_to, drafted_to):
        with pytest.raises(UnsendableProbeError, match=f"To: .*{reason}"):
            build(address)
    if "\x00" not in address:
        place = re.escape("mailboxes.csv:2: address is no mail address that can be used: ")
        with pytest.raises(InputError, match=f"^{place}.*{reason}.*; write it as name@domain$") as told:
            tabled(tmp_path, address)
        assert "acme" not in str(told.value)


@pytest.mark.parametrize("address", ["", " ", "\t"])
def test_an_empty_address_is_none(address: str) -> None:
    with pytest.raises(NoMailAddressError):
        read_address(address)


LOCALS = st.text("aZ19.!#$'+-_", max_size=66)
DOMAINS = st.lists(st.text("aZ19-é", max_size=9), max_size=5).map(".".join)


# Most of these are taken. Of what hypothesis draws from ADDRESS itself, none is: it looks ahead, which no draw knows.
@given(st.text(max_size=80) | st.emails() | st.builds("{}@{}".format, LOCALS, DOMAINS))
def test_what_is_taken_has_the_shape_and_is_taken_again(text: str) -> None:
    try:
        written = read_address(text)
    except NoMailAddressError:
        return
    assert re.search(ADDRESS, written)
    assert read_address(written) == written


def test_addresses_are_compared_without_case_and_in_either_spelling_of_the_domain() -> None:
    assert fold_address(" Anna@BÜCHER.example ") == "anna@xn--bcher-kva.example"
    assert fold_address("No Address") == "no address"
    assert mailbox_id_of("Anna@bücher.example") == mailbox_id_of("anna@xn--bcher-kva.example")


def test_a_mailbox_keeps_the_id_it_had() -> None:
    assert mailbox_id_of("Anna@Acme.example") == "mb-6b3b96755b"
