import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.roster import (
    PipedriveUser,
    SyncedMailbox,
    build_roster,
    domain_of,
    mailbox_id_of,
    users_without_mailbox,
)
from placement_pipeline.domain.words import MailProvider, Role, Route, SyncMode

ANNA = PipedriveUser(7, "Anna Berg", "anna@acme.example", is_active=True)
BORIS = PipedriveUser(8, "Boris Adler", "boris@acme.example", is_active=True)


def mailbox(user_email: str, address: str, sync_mode: SyncMode = SyncMode.TWO_WAY) -> SyncedMailbox:
    return SyncedMailbox(user_email, address, address, MailProvider.GOOGLE, sync_mode, Route.MAILBOX, "<p>A</p>", {})


def test_a_rep_may_have_several_mailboxes_and_the_login_need_not_be_one_of_them() -> None:
    entries = build_roster([ANNA], [mailbox(ANNA.email, "a@acme.example"), mailbox(ANNA.email, "a@acme-mail.example")])
    assert {entry.rep_id for entry in entries} == {"pd-7"}
    assert len({entry.mailbox_id for entry in entries}) == 2
    assert [entry.domain for entry in entries] == ["acme-mail.example", "acme.example"]


def test_logins_are_joined_whatever_their_case_and_blanks() -> None:
    (entry,) = build_roster([replace(ANNA, email=" Anna@ACME.example ")], [mailbox("anna@acme.example", "a@b.example")])
    assert (entry.rep_id_pipedrive, entry.rep_name, entry.role) == (7, "Anna Berg", Role.REP)


@pytest.mark.parametrize(
    ("sync_mode", "is_in", "said"),
    [
        (SyncMode.TWO_WAY, True, "both ways"),
        (SyncMode.SMART_BCC, True, "Smart BCC only"),
        (SyncMode.OFF, False, "not synced"),
    ],
)
def test_the_sync_mode_decides_who_is_in_and_the_entry_says_why(sync_mode: SyncMode, is_in: bool, said: str) -> None:
    (entry,) = build_roster([ANNA], [mailbox(ANNA.email, "a@acme.example", sync_mode)])
    assert entry.is_in is is_in
    assert said in entry.why


def test_a_deactivated_user_is_out_even_with_a_synced_mailbox() -> None:
    (entry,) = build_roster([replace(ANNA, is_active=False)], [mailbox(ANNA.email, "a@acme.example")])
    assert (entry.is_in, entry.rep_id) == (False, "pd-7")
    assert "deactivated" in entry.why


def test_a_line_without_a_user_is_kept_out_of_the_roster_and_says_what_to_correct() -> None:
    (entry,) = build_roster([ANNA], [mailbox("nobody@acme.example", "n@acme.example")])
    assert (entry.is_in, entry.rep_id_pipedrive, entry.rep_name) == (False, None, "nobody@acme.example")
    assert "correct user_email" in entry.why
    assert "@" not in entry.rep_id


def test_the_roster_is_ordered_by_rep_and_address() -> None:
    lines = [
        mailbox(BORIS.email, "b@acme.example"),
        mailbox(ANNA.email, "z@acme.example"),
        mailbox(ANNA.email, "a@x.example"),
    ]
    assert [entry.address for entry in build_roster([BORIS, ANNA], lines)] == [
        "a@x.example",
        "z@acme.example",
        "b@acme.example",
    ]


def test_active_users_whom_the_table_forgets_are_named_and_others_are_not() -> None:
    gone = PipedriveUser(9, "Gone", "gone@acme.example", is_active=False)
    named = mailbox(" ANNA@acme.example", "a@acme.example", SyncMode.OFF)
    assert users_without_mailbox([ANNA, BORIS, gone], [named]) == [BORIS]


def test_an_alias_keeps_its_account_in_the_envelope() -> None:
    line = replace(mailbox(ANNA.email, "anna@Acme-Mail.example"), account_address="anna@ACME.example")
    (entry,) = build_roster([ANNA], [line])
    assert (entry.domain, entry.envelope_domain) == ("acme-mail.example", "acme.example")


@given(st.emails())
def test_a_mailbox_has_the_same_id_however_its_address_is_written(address: str) -> None:
    name = mailbox_id_of(address)
    assert name == mailbox_id_of(f" {address.lower()}\n")
    assert re.fullmatch("mb-[0-9a-f]{10}", name)
    assert mailbox_id_of("x" + address) != name


@given(st.text())
def test_every_text_has_a_domain_or_none_and_never_an_at_sign(address: str) -> None:
    assert "@" not in domain_of(address)


def test_every_line_of_the_table_is_in_the_roster_once() -> None:
    lines = [mailbox(user, f"{number}@acme.example") for number, user in enumerate(["x@y.example", ANNA.email] * 5)]
    assert sorted(entry.address for entry in build_roster([ANNA], lines)) == sorted(line.address for line in lines)
