"""The IMAP connector against servers that speak otherwise than the sandbox's: from a script, on loopback."""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from placement_pipeline.connectors.errors import SeedReadError
from placement_pipeline.connectors.imap.client import MOST_LITERAL_BYTES
from placement_pipeline.connectors.imap.seed import ImapSeedReader
from placement_pipeline.connectors.mail import Location, SeedEnvelope, SeenMessage
from placement_pipeline.connectors.metering import Meter
from placement_pipeline.connectors.sign_in import AccessToken, TokenSource
from placement_pipeline.domain.probe import TOKEN_HEADER
from tests.contract.imap.script import Answer, ScriptedImap, literal
from tests.contract.notebook import Notes
from tests.tokens import token_of

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(hours=1)
INBOX = '* LIST () "/" INBOX\nOK done'
EMPTY = "* 0 EXISTS\n* OK [UIDVALIDITY 7] ok\n* OK [UIDNEXT 1] ok\nOK done"
EXTENDED = {"LOGIN": "OK [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS SPECIAL-USE] done"}


def opened(count: int, next_uid: int | None, validity: int = 7) -> str:
    """The answer to EXAMINE."""
    said = f"* {count} EXISTS\n* OK [UIDVALIDITY {validity}] ok\n"
    return said + (f"* OK [UIDNEXT {next_uid}] ok\n" if next_uid else "") + "OK [READ-ONLY] done"


def mailbox(uids: Sequence[int], received_at: datetime = NOW) -> dict[str, Answer]:
    """FETCH and SEARCH on messages of these UIDs, each a probe with a token of its own."""

    def asked(command: str) -> list[int]:
        wanted: set[int] = set()
        for part in command.split()[2].split(","):
            low, _, high = part.partition(":")
            last = int(high or low) if high != "*" else max(uids)
            # The order of a range's ends does not matter, so 900:* holds the last message.
            wanted |= set(range(min(int(low), last), max(int(low), last) + 1))
        return [uid for uid in uids if uid in wanted]

    def fetch(command: str) -> str:
        header = "INTERNALDATE" in command
        lines = []
        for uid in asked(command):
            text = f"{TOKEN_HEADER}: {token(uid)}\nFrom: Anna <anna@acme.example>\n"
            text += "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\n"
            date = f'INTERNALDATE "{received_at:%d-%b-%Y %H:%M:%S} +0000" ' if header else ""
            section = "BODY[HEADER.FIELDS (FROM)]" if header else "BODY[]"
            lines.append(f"* {uid} FETCH (UID {uid} {date}{section} {literal(text if header else text + 'Hello')})")
        return "\n".join([*lines, "OK done"])

    def search(command: str) -> str:
        found = asked(command.replace("UID SEARCH UID", "UID FETCH"))
        return f"* SEARCH {' '.join(map(str, found))}\nOK done"

    return {"UID FETCH": fetch, "UID SEARCH": search}


def token(uid: int) -> str:
    return token_of("test", str(uid))


def reader(server: ScriptedImap, sign_in: str | TokenSource = "secret", host: str = "127.0.0.1") -> ImapSeedReader:
    return ImapSeedReader(host, server.port, "none", "sam@seed.example", sign_in, "seed 1", None, Meter())


def places(notes: Notes) -> set[Location]:
    return {message.location for message in notes.messages.values()}


async def test_a_list_that_tells_states_saves_every_command_on_folders_without_news() -> None:
    states = {"INBOX": (3, 40), "Spamverdacht": (2, 9), "Sent": (5, 6)}

    def listed(command: str) -> str:
        lines = [f'* LIST (\\HasNoChildren) "/" "{name}"' for name in states]
        lines += [f'* STATUS "{name}" (MESSAGES {n} UIDNEXT {u} UIDVALIDITY 7)' for name, (n, u) in states.items()]
        return "\n".join([*lines, "OK done"])

    script: dict[str, Answer] = {
        **EXTENDED,
        "LIST": listed,
        'EXAMINE "INBOX"': opened(3, 40),
        'EXAMINE "Spamverdacht"': opened(3, 10),
    }
    async with ScriptedImap(script | mailbox([9, 38, 39])) as server:
        first = await reader(server).sweep(SINCE, None, Notes())
        assert server.commands[0] == 'LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))'
        assert 'EXAMINE "Sent"' not in server.commands
        server.commands.clear()
        states["Spamverdacht"], states["INBOX"] = (2, 9), (2, 40)  # one was deleted, nothing came
        nothing_new = {**first.cursor, "Spamverdacht": {"validity": 7, "next_uid": 9, "count": 2}}
        second = await reader(server).sweep(SINCE, nothing_new, Notes())
        assert len(server.commands) == 1
        server.commands.clear()
        states["Spamverdacht"] = (3, 10)
        notes = Notes()
        await reader(server).sweep(SINCE, second.cursor, notes)
        assert [command.split(" (")[0] for command in server.commands[1:]] == [
            'EXAMINE "Spamverdacht"',
            "UID FETCH 9:9",
            "UID FETCH 9",
        ]
        assert [(m.token, m.location, m.subject) for m in notes.messages.values()] == [
            (token(9), Location(folder="junk"), "Grüße")
        ]


async def test_a_folder_that_is_empty_by_the_list_is_not_opened() -> None:
    listed = '* LIST () "/" INBOX\n* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\nOK done'
    async with ScriptedImap({**EXTENDED, "LIST": listed}) as server:
        reading = await reader(server).sweep(SINCE, None, Notes())
        assert len(server.commands) == 1
        assert reading.cursor == {"INBOX": {"validity": 7, "next_uid": 1, "count": 0}}


async def test_capabilities_that_the_sign_in_does_not_tell_are_asked_for() -> None:
    def list_answer(command: str) -> str:
        assert "RETURN" not in command
        return INBOX

    async with ScriptedImap({"LOGIN": "OK done", "LIST": list_answer, "EXAMINE": EMPTY}) as server:
        one = reader(server)
        await one.sweep(SINCE, None, Notes())
        assert one.meter.calls() == {"capability": 1, "examine": 1, "list": 1, "login": 1}


async def test_many_messages_are_searched_and_fetched_in_chunks() -> None:
    uids = range(11, 241)  # 230 messages
    async with ScriptedImap({"LIST": INBOX, "EXAMINE": opened(230, 241), **mailbox(uids)}) as server:
        one, notes = reader(server), Notes(lambda envelope: envelope.token != token(240))
        reading = await one.sweep(SINCE, None, notes)
        assert reading.message_count == 230
        assert {message.token for message in notes.messages.values()} == {token(uid) for uid in uids[:-1]}
        # Three chunks of envelopes, and of probes 4, 4 and 2 chunks.
        assert one.meter.calls() == {"examine": 1, "fetch": 3 + 4 + 4 + 2, "list": 1, "login": 1, "search": 1}
        day = f"{(SINCE - timedelta(days=1)).day}-{SINCE - timedelta(days=1):%b-%Y}"
        assert f"UID SEARCH UID 1:* (SINCE {day})" in server.commands


async def test_the_last_message_which_every_open_range_holds_is_not_taken_for_a_new_one() -> None:
    # UIDNEXT stands still although the count grew: what is new has to be searched for.
    script = {"LIST": INBOX, "EXAMINE": opened(6, 50), **mailbox([40, 45])}
    async with ScriptedImap(script) as server:
        notes = Notes()
        cursor = {"INBOX": {"validity": 7, "next_uid": 50, "count": 5}}
        reading = await reader(server).sweep(SINCE, cursor, notes)
        assert any("UID SEARCH UID 50:*" in command for command in server.commands)
        assert reading.message_count == 0
        assert not notes.messages


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"validity": 6, "next_uid": 21, "count": 2}, opened(2, 21)),
        ({"validity": 7, "next_uid": 60, "count": 2}, opened(2, 21)),
        ({"validity": 7, "next_uid": None, "count": 2}, opened(2, None)),
    ],
    ids=["another UIDVALIDITY", "UIDNEXT fell", "no UIDNEXT at all"],
)
async def test_a_folder_whose_numbers_say_nothing_is_read_from_the_start(before: dict[str, int], now: str) -> None:
    async with ScriptedImap({"LIST": INBOX, "EXAMINE": now, **mailbox([10, 20])}) as server:
        notes = Notes()
        await reader(server).sweep(SINCE, {"INBOX": before}, notes)
        assert {message.token for message in notes.messages.values()} == {token(10), token(20)}


async def test_dates_are_checked_to_the_second_after_the_server_searched_by_days() -> None:
    uids = range(1, 151)
    script = {"LIST": INBOX, "EXAMINE": opened(150, 151), **mailbox(uids, SINCE - timedelta(seconds=1))}
    async with ScriptedImap(script) as server:
        reading = await reader(server).sweep(SINCE, None, Notes(lambda envelope: pytest.fail("too old")))
        assert reading.message_count == 0


class Interrupted(Notes):
    """A notebook whose second page cannot be written."""

    pages = 0

    def keep(self, messages: Sequence[SeenMessage]) -> None:
        self.pages += 1
        if self.pages == 2:
            raise KeyError("the database is gone")
        super().keep(messages)


async def test_a_sweep_that_dies_half_way_keeps_what_it_had_and_the_next_one_fetches_only_the_rest() -> None:
    uids = range(1, 61)
    async with ScriptedImap({"LIST": INBOX, "EXAMINE": opened(60, 61), **mailbox(uids)}) as server:
        notes = Interrupted()
        with pytest.raises(KeyError, match="the database is gone"):
            await reader(server).sweep(SINCE, None, notes)
        assert len(notes.messages) == 25
        server.commands.clear()
        await reader(server).sweep(SINCE, None, notes)
        assert len(notes.messages) == notes.kept_count == 60
        fetched = [command for command in server.commands if "BODY.PEEK[]" in command]
        assert sum(command.count(",") + 1 for command in fetched) == 35


async def test_a_known_probe_whose_folder_became_junk_has_moved() -> None:
    listed = ['* LIST () "/" INBOX\n* LIST () "/" "Ads"\nOK done']
    script = {
        "LIST": lambda command: listed[0],
        'EXAMINE "INBOX"': EMPTY,
        'EXAMINE "Ads"': opened(1, 6),
        **mailbox([5]),
    }
    async with ScriptedImap(script) as server:
        notes = Notes()
        await reader(server).sweep(SINCE, None, notes)
        assert notes.place(token(5)) == Location(folder="Ads", is_well_known_folder=False)
        listed[0] = '* LIST () "/" INBOX\n* LIST (\\Junk) "/" "Ads"\nOK done'
        reading = await reader(server).sweep(SINCE, None, notes)
        assert notes.place(token(5)) == Location(folder="junk")
        assert reading.message_count == 1


async def test_folders_are_known_under_every_way_of_writing_their_names() -> None:
    listed = "\n".join(
        [
            "* LIST (\\HasChildren) NIL inbox",
            '* LIST (\\HasNoChildren) "." "INBOX.Courrier ind&AOk-sirable"',
            f'* LIST () "/" {literal("Sales " + chr(34) + "A" + chr(34))}',
            '* LIST () "\\\\" "Kunden\\\\Alt" ("CHILDINFO" ("SUBSCRIBED"))',
            '* LIST () "/" Roh-Ümlaut',
            '* LIST (\\Noselect \\HasChildren) "/" "[Gmail]"',
            '* LIST (\\NonExistent) "/" "Gone"',
            '* LIST (\\All) "/" "Alle"',
            '* LIST () "/" "Gesendete Objekte"',
            '* LIST () NIL "a/b"',
            "OK done",
        ]
    )
    async with ScriptedImap({"LIST": listed, "EXAMINE": EMPTY}) as server:
        reading = await reader(server).sweep(SINCE, None, Notes())
        assert list(reading.cursor) == [
            "inbox",
            "INBOX.Courrier indésirable",
            'Sales "A"',
            "Kunden\\Alt",
            "Roh-Ümlaut",
            "a/b",
        ]
        assert server.commands[1:] == [
            'EXAMINE "inbox"',
            'EXAMINE "INBOX.Courrier ind&AOk-sirable"',
            'EXAMINE "Sales \\"A\\""',
            'EXAMINE "Kunden\\\\Alt"',
            'EXAMINE "Roh-Ümlaut"',
            'EXAMINE "a/b"',
        ]


@pytest.mark.parametrize("listed", ["OK done", '* LIST () "/" Junk\nOK done', "* LIST gibberish\nOK done"])
async def test_a_list_that_is_not_whole_is_not_an_empty_mailbox(listed: str) -> None:
    async with ScriptedImap({"LIST": listed, "EXAMINE": EMPTY}) as server:
        with pytest.raises(SeedReadError) as caught:
            await reader(server).sweep(SINCE, None, Notes())
        assert caught.value.code == "malformed"


async def test_answers_to_a_fetch_are_understood_in_every_order_and_what_was_not_asked_for_is_left_out() -> None:
    header = f"{TOKEN_HEADER}: {token(3)}\n\n"
    date = f'INTERNALDATE "{NOW:%d-%b-%Y %H:%M:%S} +0000"'
    envelopes = "\n".join(
        [
            f"* 3 FETCH (BODY[HEADER.FIELDS (FROM)] {literal(header)} {date} UID 3)",
            f'* 4 FETCH (UID 4 {date} BODY[HEADER.FIELDS (FROM)] "")',
            f"* 5 FETCH (UID 5 {date} BODY[HEADER.FIELDS (FROM)] NIL)",
            "* 1 FETCH (FLAGS (\\Seen))",
            "OK done",
        ]
    )
    script = {"LIST": INBOX, "EXAMINE": opened(3, 6), "UID FETCH": envelopes, "UID FETCH 3 ": "OK it has gone"}
    async with ScriptedImap(script) as server:
        notes = Notes(lambda envelope: envelope.token == token(3))
        reading = await reader(server).sweep(SINCE, None, notes)
        assert notes.asked == [
            SeedEnvelope(token(3), None, NOW, None),
            SeedEnvelope(None, None, NOW, None),
            SeedEnvelope(None, None, NOW, None),
        ]
        assert reading.message_count == 3
        assert not notes.messages, "it was moved meanwhile: the next sweep finds it in its new folder"


async def test_a_message_without_a_uid_in_its_answer_is_not_left_out() -> None:
    script = {"LIST": INBOX, "EXAMINE": opened(1, 2), "UID FETCH": f"* 1 FETCH (BODY[X] {literal('a')})\nOK done"}
    async with ScriptedImap(script) as server:
        with pytest.raises(SeedReadError) as caught:
            await reader(server).sweep(SINCE, None, Notes())
        assert caught.value.code == "malformed"


async def test_no_command_changes_anything() -> None:
    script = {"LIST": '* LIST () "/" INBOX\n* LIST () "/" Spam\nOK done', "EXAMINE": opened(3, 4), **mailbox([1, 2, 3])}
    async with ScriptedImap(script) as server:
        await reader(server).sweep(SINCE, None, Notes())
        verbs = {re.sub(r"^UID ", "", command).split()[0] for command in server.commands}
        assert verbs == {"LIST", "EXAMINE", "FETCH"}
        assert all("BODY.PEEK[" in command for command in server.commands if "BODY" in command)


async def test_one_folder_that_cannot_be_opened_fails_the_sweep_without_naming_a_users_folder() -> None:
    listed = '* LIST () "/" INBOX\n* LIST () "/" "bob@corp.example"\nOK done'
    script = {"LIST": listed, "EXAMINE": EMPTY, 'EXAMINE "bob': "NO [NOPERM] not yours, sam@seed.example"}
    async with ScriptedImap(script) as server:
        with pytest.raises(SeedReadError, match=r"refuses to open a folder that its user made \(NOPERM\)") as caught:
            await reader(server).sweep(SINCE, None, Notes())
        assert caught.value.code == "refused"
        assert "@" not in str(caught.value)


@pytest.mark.parametrize("code", ["LIMIT", "INUSE", "UNAVAILABLE"])
@pytest.mark.parametrize("command", ["LOGIN", "LIST", "EXAMINE", "UID FETCH"])
async def test_a_server_that_says_later_is_throttling(command: str, code: str) -> None:
    script = {"LIST": INBOX, "EXAMINE": opened(1, 2), **mailbox([1]), command: f"NO [{code}] later"}
    async with ScriptedImap(script) as server:
        with pytest.raises(SeedReadError) as caught:
            await reader(server).sweep(SINCE, None, Notes())
        assert caught.value.code == "throttled"
        assert code in str(caught.value)


@pytest.mark.parametrize(
    ("greeting", "code"),
    [
        ("* BYE [LIMIT] too many connections", "throttled"),
        ("* BYE go away", "unreachable"),
        ("HTTP/1.1 400", "unreachable"),
    ],
)
async def test_a_server_that_does_not_welcome_is_not_an_empty_mailbox(greeting: str, code: str) -> None:
    async with ScriptedImap({}, greeting=greeting) as server:
        with pytest.raises(SeedReadError) as caught:
            await reader(server).sweep(SINCE, None, Notes())
        assert caught.value.code == code


@pytest.mark.parametrize("command", ["LOGIN", "LIST", "EXAMINE", "UID FETCH"])
async def test_a_command_the_server_does_not_understand_is_a_refusal(command: str) -> None:
    script = {"LIST": INBOX, "EXAMINE": opened(1, 2), **mailbox([1]), command: "BAD what? sam@seed.example"}
    async with ScriptedImap(script) as server:
        with pytest.raises(SeedReadError) as caught:
            await reader(server).sweep(SINCE, None, Notes())
        assert caught.value.code == "refused"
        assert "@" not in str(caught.value)
        assert "secret" not in str(caught.value)


async def test_an_alert_is_shown_unless_it_names_someone() -> None:
    said = {"NO [ALERT] Switch IMAP on first": True, "NO [ALERT] Hello sam, sign in by the web": False}
    said |= {"NO [ALERT] No IMAP for sam@seed.example": False, "NO [AUTHENTICATIONFAILED] Wrong": False}
    for answer, is_shown in said.items():
        async with ScriptedImap({"LOGIN": answer}) as server:
            with pytest.raises(SeedReadError, match="refuses the sign-in") as caught:
                await reader(server).prove()
        assert ('The server says: "Switch IMAP on first"' in str(caught.value)) is is_shown
        assert "sam" not in str(caught.value)


async def test_a_server_that_takes_no_password_is_shown_none() -> None:
    async with ScriptedImap({}, capabilities="IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2") as server:
        with pytest.raises(SeedReadError, match="takes no password on this connection") as caught:
            await reader(server).prove()
        assert caught.value.code == "refused"


async def test_a_server_that_takes_no_token_is_shown_none() -> None:
    tokens = TokenSource(lambda: AccessToken("ya29.token", 3600))
    async with ScriptedImap({"LIST": INBOX}) as server:
        with pytest.raises(SeedReadError, match="does not offer XOAUTH2"):
            await reader(server, tokens).prove()
        assert not server.commands


async def test_a_token_that_is_refused_without_a_reason_is_a_refusal_all_the_same() -> None:
    tokens = TokenSource(lambda: AccessToken("ya29.token", 3600))
    script = {"AUTHENTICATE": "NO AUTHENTICATE failed."}
    async with ScriptedImap(script, capabilities="IMAP4rev1 AUTH=XOAUTH2") as server:
        with pytest.raises(SeedReadError, match=r"refuses the access token\. Check") as caught:
            await reader(server, tokens).prove()
        assert "ya29" not in str(caught.value)
        assert server.commands == ["AUTHENTICATE XOAUTH2"] * 2


async def test_the_proof_warns_where_no_folder_is_known_as_junk() -> None:
    async with ScriptedImap({"LIST": '* LIST () "/" INBOX\n* LIST () "/" "No spam"\nOK done'}) as server:
        assert (await reader(server).prove()).startswith("2 folders, but none is known as Junk")


async def test_a_login_and_a_password_are_shown_quoted() -> None:
    shown: list[str] = []

    def sign_in(command: str) -> str:
        shown.append(command)
        return "OK [CAPABILITY IMAP4rev1] done" if command == r'LOGIN "sam@seed.example" "se\"c\\ret "' else "NO what?"

    async with ScriptedImap({"LOGIN": sign_in, "LIST": INBOX}) as server:
        await reader(server, 'se"c\\ret ').prove()
        with pytest.raises(SeedReadError, match="refuses the sign-in"):
            await reader(server, "another").prove()
    assert shown == [r'LOGIN "sam@seed.example" "se\"c\\ret "', 'LOGIN "sam@seed.example" "another"']


async def test_a_password_beyond_ascii_is_shown_as_sasl_plain() -> None:
    shown = base64.b64encode("\0sam@seed.example\0pässwort".encode()).decode()
    script = {"AUTHENTICATE PLAIN": "+ ", shown: "OK done", "LIST": INBOX}
    async with ScriptedImap(script) as server:
        await reader(server, "pässwort").prove()
        assert server.commands[:2] == ["AUTHENTICATE PLAIN", shown]


async def test_a_refused_token_is_answered_with_nothing_so_that_the_refusal_comes() -> None:
    challenge = base64.b64encode(b'{"status": "400", "schemes": "Bearer"}').decode()
    shown = base64.b64encode(b"user=sam@seed.example\1auth=Bearer ya29.token\1\1").decode()
    script: dict[str, Answer] = {
        "AUTHENTICATE XOAUTH2": "+ ",
        shown: f"+ {challenge}",
        "": lambda line: "OK done" if line else "NO [AUTHENTICATIONFAILED] no",
    }
    tokens = TokenSource(lambda: AccessToken("ya29.token", 3600))
    async with ScriptedImap(script, capabilities="IMAP4rev1 AUTH=XOAUTH2") as server:
        with pytest.raises(SeedReadError, match=r"refuses the access token \(status 400\)"):
            await reader(server, tokens).prove()
        assert server.commands == ["AUTHENTICATE XOAUTH2", shown, ""] * 2


async def test_a_literal_longer_than_the_size_that_was_told_is_not_read() -> None:
    """A server may say little and send much."""
    told = "From: a@a.example\r\n\r\n"
    envelope = f"* 1 FETCH (UID 1 RFC822.SIZE 10 BODY[HEADER.FIELDS (FROM)] {literal(told)})\nOK done"
    whole = f"* 1 FETCH (UID 1 BODY[] {literal(told + 'x' * MOST_LITERAL_BYTES)})\nOK done"
    script: dict[str, Answer] = {
        "LIST": INBOX,
        "EXAMINE": opened(1, 2),
        "UID FETCH": lambda command: whole if "BODY.PEEK[])" in command else envelope,
    }
    async with ScriptedImap(script) as server:
        with pytest.raises(SeedReadError) as caught:
            await reader(server).sweep(SINCE, None, Notes())
    assert caught.value.code == "malformed"
