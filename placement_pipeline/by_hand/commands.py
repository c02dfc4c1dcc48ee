"""The commands that audit by hand: ``audit`` an address, ``inspect`` a message, check one ``spf`` identity.

Thin, over the same rules as the month's audits; they need no configuration and no
database. Where there is a ``placement.toml``, its resolvers and blocklists are taken.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from placement_pipeline.by_hand.answering import answer_lines
from placement_pipeline.by_hand.auditor import HandAuditor, open_auditor
from placement_pipeline.by_hand.requests import (
    LineError,
    ask_of_address,
    ask_of_address_line,
    known_delivery,
    read_spf,
    read_spf_line,
)
from placement_pipeline.by_hand.tables import report_table
from placement_pipeline.connectors.errors import InputError
from placement_pipeline.console import open_console
from placement_pipeline.domain.audit.report import AuditReport
from placement_pipeline.domain.harmless import harmless
from placement_pipeline.domain.message import MAX_MESSAGE_BYTES

STANDARD_INPUT = "-"
_UNANSWERED = 1
_Result = TypeVar("_Result")

Nameservers = Annotated[
    list[str] | None,
    typer.Option("--nameserver", metavar="HOST[:PORT]", help="A resolver to ask; may be given again."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON line instead of a table.")]


def audit(
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS", help="Addresses; - reads lines.")],
    provider: Annotated[
        Literal["google", "microsoft365", "both"] | None,
        typer.Option(help="Who hosts the mailbox; found out by MX without it."),
    ] = None,
    selector: Annotated[list[str] | None, typer.Option(metavar="S", help="A further DKIM selector.")] = None,
    tracking_host: Annotated[str | None, typer.Option(metavar="H", help="The host tracked links go through.")] = None,
    nameserver: Nameservers = None,
    as_json: AsJson = False,
) -> None:
    """Audit what DNS says of a sending address: SPF, DKIM keys, DMARC, MX and its tracking host.

    With - addresses or JSON lines {"id", "address", "provider", "selectors", "tracking_host"} are read from
    standard input, and each is answered by one JSON line as soon as it is known.
    """
    known = {"provider": provider, "selectors": tuple(selector or ()), "tracking_host": tracking_host}

    async def answer(auditor: HandAuditor, number: int, line: bytes) -> str:
        return _line(await auditor.audit_address(ask_of_address_line(number, line, known)))

    if STANDARD_INPUT in addresses:
        _answer_standard_input(nameserver, addresses, answer)
        return
    requests = [ask_of_address(one, provider, tuple(selector or ()), tracking_host) for one in addresses]
    _show(nameserver, as_json, [lambda auditor, one=one: auditor.audit_address(one) for one in requests])  # type: ignore[misc]


def inspect(
    messages: Annotated[list[str], typer.Argument(metavar="MESSAGE.eml", help="Received messages; - reads one.")],
    authserv_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose Authentication-Results to trust; found out without it.")
    ] = None,
    mail_from: Annotated[str | None, typer.Option(metavar="ADDR", help="The envelope sender, where known.")] = None,
    ip: Annotated[str | None, typer.Option(metavar="IP", help="The client's address, where known.")] = None,
    helo: Annotated[str | None, typer.Option(metavar="NAME", help="The client's HELO name, where known.")] = None,
    nameserver: Nameservers = None,
    as_json: AsJson = False,
) -> None:
    """Inspect a received message: who signed it, what aligns, what the receiver decided, what it consists of.

    Without --ip, the envelope is read from the receiver's own header lines. Of several messages, one that cannot be
    read is told, and the others are shown.
    """
    envelope = known_delivery(ip, mail_from, helo)
    read, unread = [], 0
    for name in messages:
        try:
            read.append((name, _read_message(name)))
        except InputError as error:
            if len(messages) == 1:
                raise
            unread += 1
            sys.stderr.write(f"placement: {error}\n")
    _show(
        nameserver,
        as_json,
        [lambda auditor, name=name, raw=raw: auditor.inspect(name, raw, authserv_id, envelope) for name, raw in read],  # type: ignore[misc]
    )
    if unread:
        raise typer.Exit(_UNANSWERED)


def spf(
    source: Annotated[str | None, typer.Argument(metavar="[-]", help="- reads JSON lines.")] = None,
    ip: Annotated[str | None, typer.Option(metavar="IP", help="The client's address.")] = None,
    mail_from: Annotated[str, typer.Option(metavar="ADDR", help="The envelope sender; may be empty.")] = "",
    helo: Annotated[str, typer.Option(metavar="NAME", help="The client's HELO name.")] = "",
    nameserver: Nameservers = None,
    as_json: AsJson = False,
) -> None:
    """Check one SPF identity and say the result of RFC 7208.

    With - JSON lines {"id", "ip", "mail_from", "helo"} are read from standard input.
    """

    async def answer(auditor: HandAuditor, number: int, line: bytes) -> str:
        request = read_spf_line(number, line)
        result = await auditor.check_spf(request)
        return json.dumps({"id": request.id, "result": result.verdict, "explanation": result.explanation})

    if source is not None:
        _answer_standard_input(nameserver, [source], answer)
        return
    if ip is None:
        raise InputError("name the client's address with --ip")
    request = read_spf(ip, mail_from, helo)
    result = asyncio.run(_with_auditor(nameserver, lambda auditor: auditor.check_spf(request)))
    if as_json:
        _write(json.dumps({"result": result.verdict, "explanation": result.explanation}))
    else:
        more = result.explanation or result.detail
        _write(f"{result.verdict}: {more}" if more else result.verdict)


def _show(
    nameservers: Sequence[str] | None, as_json: bool, asked: Sequence[Callable[[HandAuditor], Awaitable[AuditReport]]]
) -> None:
    """Print each report as it is ready: a table, or with ``--json`` a line."""
    console = open_console()

    async def work(auditor: HandAuditor) -> None:
        for report in asyncio.as_completed([one(auditor) for one in asked]) if as_json else ():
            _write(_line(await report))
        for one in () if as_json else asked:
            console.print(report_table(await one(auditor)))

    asyncio.run(_with_auditor(nameservers, work))


def _answer_standard_input(
    nameservers: Sequence[str] | None,
    arguments: Sequence[str],
    answer: Callable[[HandAuditor, int, bytes], Awaitable[str]],
) -> None:
    """Answer each line of standard input by one JSON line; a line that cannot be read by one that says why."""
    if list(arguments) != [STANDARD_INPUT]:
        raise InputError(f"{arguments}: write - alone to read standard input")
    unanswered = 0

    async def answer_or_tell(auditor: HandAuditor, number: int, line: bytes) -> str:
        nonlocal unanswered
        try:
            return await answer(auditor, number, line)
        except LineError as error:
            unanswered += 1
            return json.dumps({"id": error.id, "error": str(error)})

    async def work(auditor: HandAuditor) -> None:
        await answer_lines(sys.stdin.buffer, lambda number, line: answer_or_tell(auditor, number, line), _write)

    asyncio.run(_with_auditor(nameservers, work))
    if unanswered:
        sys.stderr.write(f"placement: could not be read: {unanswered} of the lines; their answers say why\n")
        raise typer.Exit(_UNANSWERED)


async def _with_auditor(
    nameservers: Sequence[str] | None, work: Callable[[HandAuditor], Awaitable[_Result]]
) -> _Result:
    async with open_auditor(nameservers or ()) as auditor:
        return await work(auditor)


def _read_message(name: str) -> bytes:
    """A message's bytes; of one that is too large to be judged, no more than shows that it is."""
    try:
        if name == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(MAX_MESSAGE_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(MAX_MESSAGE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None
    if len(raw) > MAX_MESSAGE_BYTES:
        raise InputError(
            f"{name}: larger than {MAX_MESSAGE_BYTES // 2**20} MiB; save the message without its attachments"
        )
    if not raw.strip():
        raise InputError(f"{name}: empty; save the message with its whole header (Gmail: Download original)")
    return raw


def _line(report: AuditReport) -> str:
    return json.dumps(report.as_json())


def _write(line: str) -> None:
    sys.stdout.write(harmless(line) + "\n")
    sys.stdout.flush()
