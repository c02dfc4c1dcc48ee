"""What the audits by hand show: a report as a table, with colours."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from placement_pipeline.domain.audit.report import AuditReport
from placement_pipeline.domain.findings import JSON, REASONS, Finding
from placement_pipeline.domain.words import CheckStatus

_STYLES = {
    CheckStatus.PASS: "green",
    CheckStatus.WARN: "yellow",
    CheckStatus.FAIL: "bold red",
    CheckStatus.UNKNOWN: "magenta",
}
_RECORD_CHARS = 200
# What proves a finding at a glance; all of the evidence is in the JSON.
_SHOWN_EVIDENCE = ("record", "records", "asked", "signatures", "results", "weight", "hosts", "answers", "zone")


def report_table(report: AuditReport) -> RenderableType:
    """A report: one line for each finding, its evidence below it, and what to do."""
    table = Table(title=Text(report.subject), title_justify="left", show_lines=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("Says", no_wrap=True)
    table.add_column("What was found", ratio=3, overflow="fold")
    table.add_column("What to do", ratio=2, overflow="fold")
    for check in report.checks:
        findings = report.of(check)
        if not findings:
            table.add_row(check, Text("-", style="dim"), Text("not asked", style="dim"), "")
        for number, finding in enumerate(findings):
            table.add_row(
                check if number == 0 else "",
                Text(finding.status, style=_STYLES[finding.status]),
                Text.assemble(REASONS[finding.code].meaning, *_evidence(finding)),
                Text(finding.remedy),
            )
    return Group(table, _summary(report))


def _summary(report: AuditReport) -> Text:
    asked = [check for check in report.checks if report.of(check)]
    parts: list[str | tuple[str, str]] = []
    for check in asked:
        status = report.status(check)
        parts += ["  " if parts else "", (f"{check} {status}", _STYLES[status])]
    return Text.assemble(*parts)


def _evidence(finding: Finding) -> Sequence[tuple[str, str]]:
    shown = {name: text for name in _SHOWN_EVIDENCE if (text := _as_text(finding.evidence.get(name)))}
    if "record" in shown or "records" in shown:
        shown.pop("asked", None)  # the record stands where it was asked for
    return [(f"\n{name}: {text}", "dim") for name, text in shown.items()]


def _as_text(value: JSON) -> str:
    match value:
        case None:
            text = ""
        case str():
            text = value
        case Mapping():
            text = ", ".join(f"{name} {_as_text(item)}" for name, item in value.items() if item not in (None, ""))
        case Sequence():
            text = "; ".join(_as_text(item) for item in value)
        case _:
            text = str(value)
    return text if len(text) <= _RECORD_CHARS else text[:_RECORD_CHARS] + "…"
