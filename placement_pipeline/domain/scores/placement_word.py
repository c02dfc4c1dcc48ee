"""The word of a mailbox at a provider group: what people may act on, beside the rate and the routine's flag.

The flag under 80 % is a screen: with ten seeds it flags one healthy mailbox of ten a month or so, because
seeds differ and chance plays. The word says what the probes bear out: first the seeds are judged
(``seed_suspicion``), then the mailbox by itself (``sequential``), then against the others (``peers``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from placement_pipeline.domain.scores.exact_tests import binomial_at_most, reject_benjamini_hochberg
from placement_pipeline.domain.scores.peers import FEWEST_PEERS, PEER_LEVEL, Landed, Peers, count_landed
from placement_pipeline.domain.scores.sequential import HEALTHY_RATE, RateStanding, judge_rate, probes_to_tell
from placement_pipeline.domain.words import ProviderGroup

EVERYONE_SHARE = 0.5
"""Where at least this share of the mailboxes is below, the cause is common."""

EVERYONE_BELOW_RATE = 0.80
CONTROL_LEVEL = 0.05


class PlacementWord(StrEnum):
    """What a mailbox's probes at a provider group bear out."""

    EVERYONE = "everyone"
    CONFIRMED = "confirmed"
    PROBABLE = "probable"
    CANNOT_TELL = "cannot_tell"
    FINE = "fine"
    NOT_SENT = "not_sent"


MEANINGS: Mapping[PlacementWord, str] = {
    PlacementWord.EVERYONE: "At least half of the team misses the inbox here: template, provider or seeds, nobody's "
    "own mailbox.",
    PlacementWord.CONFIRMED: "Misses the inbox, and more often than the others at the same seeds: act on it.",
    PlacementWord.PROBABLE: "Misses the inbox, and hardly more often than the others at the same seeds: a hint.",
    PlacementWord.CANNOT_TELL: "Too few probes to say.",
    PlacementWord.FINE: "Reaches the inbox.",
    PlacementWord.NOT_SENT: "Nothing was sent, so there is no rate.",
}


@dataclass(frozen=True, slots=True)
class WordedGroup:
    """A mailbox's word at one provider group, with what it rests on.

    Attributes:
        resolved_count: probes it rests on; those at suspect seeds are not among them.
        inbox_count: those among them in the inbox.
        word: the word.
        peer_p_value: the chance that a mailbox like the others misses so much; None where nothing is resolved.
        is_control_low: whether the control mailbox misses the inbox here too.
        probes_to_tell: how many more would decide, if they landed as those so far did; 0 where it is decided.
    """

    resolved_count: int
    inbox_count: int
    word: PlacementWord
    peer_p_value: float | None
    is_control_low: bool
    probes_to_tell: int


MailboxGroup: TypeAlias = tuple[str, ProviderGroup]
"""A mailbox id and a provider group."""


class Team:
    """What a month's mailboxes did first, at every provider group: what each of them is compared with.

    Args:
        first: the first measurement of each rep's mailbox, by mailbox and group; an empty one where nothing is
            resolved. Probes at suspect seeds are left out.
        control: the control mailbox's, by group.
    """

    def __init__(
        self, first: Mapping[MailboxGroup, Landed], control: Mapping[ProviderGroup, Landed] | None = None
    ) -> None:
        self._first = {key: landed for key, landed in first.items() if landed}
        control = control or {}
        by_group: dict[ProviderGroup, list[Landed]] = {group: [] for group in ProviderGroup}
        for (_, group), landed in self._first.items():
            by_group[group].append(landed)
        self._small = frozenset(group for group, everybody in by_group.items() if len(everybody) < FEWEST_PEERS)
        self._peers = {
            group: Peers([*everybody, control.get(group, ())] if group in self._small else everybody)
            for group, everybody in by_group.items()
        }
        self._p_values = {key: self._peers[key[1]].p_value(landed) for key, landed in self._first.items()}
        self._rejected = reject_benjamini_hochberg(self._p_values, PEER_LEVEL)
        self.control_low = frozenset(group for group, landed in control.items() if _is_low(landed))
        self.everyone = frozenset(
            group
            for group, everybody in by_group.items()
            if _is_everyone(everybody)
            and (group not in self._small or _is_small_everyone(len(everybody), control.get(group, ())))
        )

    def word(self, key: MailboxGroup, landed: Landed | None = None, *, is_unsent: bool = False) -> WordedGroup:
        """The word of a mailbox at a group.

        Args:
            key: mailbox id and group.
            landed: what a later measurement of the same mailbox found; None for its first.
            is_unsent: whether nothing went out at all.
        """
        judged = self._first.get(key, ()) if landed is None else landed
        inbox_count, resolved_count = count_landed(judged)
        p_value, is_rejected = self._compare(key, judged, is_first=landed is None) if judged else (None, False)
        standing = judge_rate(inbox_count, resolved_count)
        return WordedGroup(
            resolved_count=resolved_count,
            inbox_count=inbox_count,
            word=PlacementWord.NOT_SENT if is_unsent and not judged else self._word(key[1], standing, is_rejected),
            peer_p_value=p_value,
            is_control_low=key[1] in self.control_low,
            probes_to_tell=probes_to_tell(inbox_count, resolved_count),
        )

    def _compare(self, key: MailboxGroup, judged: Landed, *, is_first: bool) -> tuple[float, bool]:
        if is_first:
            return self._p_values[key], key in self._rejected
        p_value = self._peers[key[1]].replacing(self._first.get(key, ()), judged).p_value(judged)
        return p_value, key in reject_benjamini_hochberg(self._p_values | {key: p_value}, PEER_LEVEL)

    def _word(self, group: ProviderGroup, standing: RateStanding, is_rejected: bool) -> PlacementWord:
        match standing:
            case RateStanding.FINE:
                return PlacementWord.FINE
            case RateStanding.UNDECIDED:
                return PlacementWord.CANNOT_TELL
            case RateStanding.BELOW if group in self.everyone:
                return PlacementWord.EVERYONE
            case RateStanding.BELOW:
                # Two or three mailboxes are no measure of one another where the control mailbox fails as they do.
                is_blamed = is_rejected and not (group in self._small and group in self.control_low)
                return PlacementWord.CONFIRMED if is_blamed else PlacementWord.PROBABLE


def _is_low(landed: Landed) -> bool:
    """Whether a healthy mailbox would hardly ever miss the inbox as often."""
    return bool(landed) and binomial_at_most(*count_landed(landed), HEALTHY_RATE) <= CONTROL_LEVEL


def _is_everyone(everybody: Sequence[Landed]) -> bool:
    """Whether at least half of the mailboxes are below, and the team as a whole is too."""
    counts = [count_landed(landed) for landed in everybody]
    below = sum(judge_rate(*count) is RateStanding.BELOW for count in counts)
    rate = sum(inbox for inbox, _ in counts) / sum(resolved for _, resolved in counts) if counts else 1.0
    return below > 0 and below >= EVERYONE_SHARE * len(counts) and rate < EVERYONE_BELOW_RATE


def _is_small_everyone(count: int, control: Landed) -> bool:
    """Whether a few mailboxes are an everyone: the control mailbox tells, and without it no single one is."""
    return _is_low(control) if control else count > 1
