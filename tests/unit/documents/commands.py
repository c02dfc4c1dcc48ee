"""Commands that documents name, held against the command's own tree and the Makefile."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

from placement_pipeline.cli import app
from tests.unit.documents.markdown import ROOT, Document


def known_commands() -> Mapping[str, set[str]]:
    """The options of each command of ``placement``."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return {
        name: {"--help", *(option for one in command.params for option in (*one.opts, *one.secondary_opts))}
        for name, command in group.commands.items()
    }


COMMANDS = known_commands()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:placement|make)(?: |$)")


def shell_lines(document: Document) -> Iterator[str]:
    """Lines that a shell would take: in blocks of sh, behind a prompt, and in backticks."""
    for language, content in document.blocks:
        if language == "sh":
            yield from content.replace("\\\n", "").splitlines()
        yield from (line.removeprefix("$ ") for line in content.splitlines() if line.startswith("$ "))
    yield from (span for span in document.spans if PROGRAM.match(span))


def calls(document: Document) -> Iterator[tuple[str, list[str]]]:
    """Every call of ``placement`` and ``make`` with its words, brackets and dots of a synopsis taken away."""
    for line in shell_lines(document):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        call: list[str] = []
        for word in (*lexer, ";"):
            if set(word) <= set("|&;"):
                if call and (program := Path(call[0]).name) in ("placement", "make"):
                    yield program, [plain for one in call[1:] if (plain := one.strip("[].").strip())]
                call = []
            elif call or not re.match(r"[A-Z_]+=", word):
                call.append(word)


def unknown_commands(document: Document) -> list[str]:
    """Commands, options and targets that do not exist."""
    unknown = []
    for program, words in calls(document):
        if program == "make":
            unknown += [f"make {word}" for word in words if "=" not in word and word not in TARGETS]
            continue
        name = next((word for word in words if not word.startswith("-")), None)
        if name is not None and name not in COMMANDS:
            unknown.append(f"placement {name}")
            continue
        known = COMMANDS[name] if name else {"--help"}
        options = [word.partition("=")[0] for word in words if re.match(r"--?\w", word)]
        unknown += [" ".join(("placement", *([name] if name else []), one)) for one in options if one not in known]
    everywhere = set().union(*COMMANDS.values())
    alone = [span.split()[0].partition("=")[0] for span in document.spans if span.startswith("--")]
    return unknown + [option for option in alone if option not in everywhere]
