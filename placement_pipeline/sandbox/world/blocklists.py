"""The world's blocklists as data: which of them names what, and with which code.

Each answers as the real one does: its test entries, its wildcards, its error for questions
it does not take, and its refusal where the world says that it refuses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from placement_pipeline.sandbox.world.file import BlocklistName, PlantedListing

ZONES: Mapping[BlocklistName, str] = {
    "dbl": "dbl.spamhaus.org",
    "surbl": "multi.surbl.org",
    "uribl": "multi.uribl.com",
    "zen": "zen.spamhaus.org",
}
"""Where each list answers."""

_TEST_ENTRIES: Mapping[BlocklistName, Mapping[str, tuple[str, ...]]] = {
    "dbl": {"dbltest.com": ("127.0.1.2",), "test": ("127.0.1.2",)},
    "surbl": {"test.surbl.org": ("127.0.0.254",), "test": ("127.0.0.254",)},
    "uribl": {"test.uribl.com": ("127.0.0.14",), "2.0.0.127": ("127.0.0.14",)},
    "zen": {"2.0.0.127": ("127.0.0.2", "127.0.0.4", "127.0.0.10")},
}
_REFUSALS: Mapping[BlocklistName, str] = {
    "dbl": "127.255.255.254",
    "surbl": "127.0.0.1",
    "uribl": "127.0.0.1",
    "zen": "127.255.255.254",
}


@dataclass(slots=True)
class Blocklists:
    """What the lists hold.

    Attributes:
        refusing: lists that refuse every question.
    """

    refusing: frozenset[BlocklistName] = frozenset()
    _entries: dict[BlocklistName, dict[str, tuple[str, ...]]] = field(init=False)

    def __post_init__(self) -> None:
        self._entries = {name: dict(entries) for name, entries in _TEST_ENTRIES.items()}

    def add(self, listings: Iterable[PlantedListing]) -> None:
        """Put names and addresses on lists."""
        for one in listings:
            self._entries[one.list][_entry(one)] = (one.code,)

    @staticmethod
    def of_question(name: str) -> BlocklistName | None:
        """The list a question is put to."""
        return next((one for one, zone in ZONES.items() if name.endswith(f".{zone}")), None)

    def codes(self, which: BlocklistName, name: str) -> tuple[str, ...]:
        """The addresses a list answers with; none where it does not have the name.

        Args:
            which: the list.
            name: the whole question, in lower case.
        """
        if which in self.refusing:
            return (_REFUSALS[which],)
        asked = name.removesuffix(f".{ZONES[which]}")
        if which == "dbl" and asked.replace(".", "").isdigit():
            return ("127.0.1.255",)
        entries = self._entries[which]
        # The lists of domains know every name below an entry, but URIBL, which lists registered domains.
        has_wildcards = which in ("dbl", "surbl")
        labels = asked.split(".")
        names = (".".join(labels[place:]) for place in range(len(labels) if has_wildcards else 1))
        return next((entries[one] for one in names if one in entries), ())


def _entry(one: PlantedListing) -> str:
    is_address = one.name.replace(".", "").isdigit()
    return ".".join(reversed(one.name.split("."))) if is_address else one.name
