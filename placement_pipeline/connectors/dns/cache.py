"""What a run remembers of DNS: answers for as long as their zones allow, within bounds.

Pure: the time is passed in. What is worth remembering is decided here; asking is ``dns``.
"""

from collections import OrderedDict
from dataclasses import dataclass
from sys import getsizeof

from placement_pipeline.domain.dns import Answer, CannotTell, Data, NoData, RecordType

Question = tuple[str, RecordType]

# A run takes minutes: what it saw at its beginning may not change under it within one domain's
# audit, and a zone with a TTL of a week may be corrected before the next.
_SHORTEST_SECONDS = 30.0
_LONGEST_SECONDS = 3600.0
# RFC 2308 section 5 has the SOA's say; it lets resolvers set a ceiling. What is missing is what people add next.
_LONGEST_NEGATIVE_SECONDS = 300.0
_FAILURE_SECONDS = 10.0

_CAPACITY_BYTES = 16 * 2**20
# Measured: what an entry costs beside its strings.
_ENTRY_BYTES = 400


@dataclass(frozen=True, slots=True)
class _Known:
    answer: Answer
    good_until: float
    size: int


class AnswerCache:
    """Answers by question; what was not used for the longest time goes first.

    Args:
        capacity: in bytes, strings and the entries' own cost together; one answer larger than
            all of it is not kept. The default holds some 20,000 usual answers.
    """

    def __init__(self, capacity: int = _CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Question, _Known] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def size(self) -> int:
        """In bytes, about."""
        return self._size

    def get(self, question: Question, now: float) -> Answer | None:
        """The answer, if it is known and still good.

        Args:
            question: name in lower case without final dot, and type.
            now: in seconds, on the clock that ``put`` is given.
        """
        known = self._known.get(question)
        if known is None:
            return None
        if now >= known.good_until:
            self._forget(question)
            return None
        self._known.move_to_end(question)
        return known.answer

    def put(self, question: Question, answer: Answer, ttl: float, now: float) -> None:
        """Remember an answer.

        Args:
            question: as for ``get``.
            answer: what was answered.
            ttl: in seconds, what the zone allows; RFC 2308 says which for "nothing there".
            now: as for ``get``.
        """
        self._forget(question)
        size = _ENTRY_BYTES + getsizeof(question[0]) + _size_of_strings(answer)
        if size > self._capacity:
            return
        self._known[question] = _Known(answer, now + _lifetime(answer, ttl), size)
        self._size += size
        while self._size > self._capacity:
            self._forget(next(iter(self._known)))

    def _forget(self, question: Question) -> None:
        if known := self._known.pop(question, None):
            self._size -= known.size


def _lifetime(answer: Answer, ttl: float) -> float:
    match answer:
        case CannotTell():
            return _FAILURE_SECONDS
        case NoData():
            return min(max(ttl, _SHORTEST_SECONDS), _LONGEST_NEGATIVE_SECONDS)
        case _:
            return min(max(ttl, _SHORTEST_SECONDS), _LONGEST_SECONDS)


def _size_of_strings(answer: Answer) -> int:
    match answer:
        case Data(records=records, chain=chain):
            return sum(map(getsizeof, records)) + sum(map(getsizeof, chain))
        case NoData(chain=chain):
            return sum(map(getsizeof, chain))
        case _:
            return 0
