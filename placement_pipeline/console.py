"""The terminal that commands print to: shows what others wrote, and never obeys it."""

import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from placement_pipeline.domain.harmless import harmless


class SafeConsole(Console):
    """A console on which only its own styles are control sequences; all that is printed passes here."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As ``Console.render``, with the text of every segment made harmless."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def open_console() -> SafeConsole:
    """The console on standard output, as wide as the terminal, or as a page where there is none.

    It is bound to the stream it starts with: what a run prints is sent elsewhere.
    """
    return SafeConsole(file=sys.stdout, width=None if sys.stdout.isatty() else 120)


def complain(message: object) -> None:
    """Write one line about what went wrong to standard error."""
    sys.stderr.write(f"placement: {harmless(str(message))}\n")
