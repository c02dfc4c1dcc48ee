import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_pipeline.domain.roster import (
    PipedriveUser,
    RosterUser,
    SyncedMailbox,
    build_roster,
    domain_of,
    judge_users,
    mailbox_id_of,
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
    line = mailbox("anna@xn--bcher-kva.example", "a@b.example")
    (entry,) = build_roster([replace(ANNA, email="anna@bücher.example")], [line])
    assert entry.rep_id_pipedrive == 7


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


def test_a_login_that_came_back_after_its_user_was_deleted_is_the_living_ones() -> None:
    deleted = replace(ANNA, user_id=99, is_active=False, is_deleted=True)
    for users in ([ANNA, deleted], [deleted, ANNA]):
        (entry,) = build_roster(users, [mailbox(ANNA.email, "a@acme.example")])
        assert (entry.rep_id_pipedrive, entry.is_in) == (ANNA.user_id, True)


# Users.


def judged(user: PipedriveUser, *modes: SyncMode) -> RosterUser:
    lines = [mailbox(user.email, f"{number}@acme.example", mode) for number, mode in enumerate(modes)]
    (row,) = judge_users([user], build_roster([user], lines))
    return row


TWO_WAY, BCC, OFF = SyncMode.TWO_WAY, SyncMode.SMART_BCC, SyncMode.OFF


@pytest.mark.parametrize(
    ("modes", "tested", "why"),
    [
        ((TWO_WAY,), 1, "Their mailbox is tested."),
        ((TWO_WAY, BCC), 2, "All 2 mailboxes are tested."),
        ((TWO_WAY, BCC, OFF), 2, "2 of 3 mailboxes are tested: the other is not synced with Pipedrive."),
        ((TWO_WAY, OFF, OFF), 1, "1 of 3 mailboxes is tested: the others are not synced with Pipedrive."),
        ((OFF,), 0, "Their only mailbox is not synced with Pipedrive."),
        ((OFF, OFF), 0, "None of their 2 mailboxes is synced with Pipedrive."),
        ((), 0, "No mailbox of theirs is in the table of mailboxes: add a line, or leave them out on purpose."),
    ],
)
def test_an_active_user_is_in_with_any_tested_mailbox_and_the_row_says_why(
    modes: tuple[SyncMode, ...], tested: int, why: str
) -> None:
    row = judged(ANNA, *modes)
    assert (row.rep_id_pipedrive, row.rep_name, row.is_active) == (7, "Anna Berg", True)
    assert (row.mailbox_count, row.tested_mailbox_count, row.is_in) == (len(modes), tested, tested > 0)
    assert row.why == why


@pytest.mark.parametrize(("is_deleted", "gone"), [(False, "Deactivated in Pipedrive"), (True, "Deleted in Pipedrive")])
def test_a_user_who_left_is_out_and_a_line_that_still_names_them_is_told(is_deleted: bool, gone: str) -> None:
    user = replace(ANNA, is_active=False, is_deleted=is_deleted)
    without = judged(user)
    named = judged(user, TWO_WAY)
    assert (without.is_in, without.is_active, without.why) == (False, False, f"{gone}.")
    assert (named.is_in, named.mailbox_count, named.tested_mailbox_count) == (False, 1, 0)
    assert named.why == f"{gone}; the table of mailboxes still names them: take the line out."


def test_every_user_is_judged_once_by_name_and_lines_without_a_user_are_nobodys() -> None:
    gone = PipedriveUser(9, "Gone", "gone@acme.example", is_active=False)
    lines = [mailbox(" ANNA@acme.example", "a@acme.example", OFF), mailbox("nobody@acme.example", "n@acme.example")]
    users = [gone, BORIS, ANNA]
    rows = judge_users(users, build_roster(users, lines))
    assert [(row.rep_name, row.mailbox_count) for row in rows] == [("Anna Berg", 1), ("Boris Adler", 0), ("Gone", 0)]
    assert judge_users([], build_roster([], lines)) == []


@given(
    st.lists(st.builds(PipedriveUser, st.integers(1, 4), st.just("A"), st.sampled_from("abcd"), st.booleans())),
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(list(SyncMode)))),
)
def test_users_and_mailboxes_never_disagree_on_who_is_in(
    users: list[PipedriveUser], lines: list[tuple[str, SyncMode]]
) -> None:
    users = list({user.user_id: user for user in users}.values())
    entries = build_roster(
        users, [mailbox(login, f"{number}@acme.example", mode) for number, (login, mode) in enumerate(lines)]
    )
    rows = judge_users(users, entries)
    assert {row.rep_id_pipedrive for row in rows if row.is_in} == {
        entry.rep_id_pipedrive for entry in entries if entry.is_in
    }
    assert sum(row.tested_mailbox_count for row in rows) == sum(entry.is_in for entry in entries)
    assert all(row.is_active for row in rows if row.is_in)


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
