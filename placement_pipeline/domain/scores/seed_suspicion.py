"""Seeds that lose or junk everybody's mail: judged before any mailbox is, because what they say of a mailbox is void.

A seed is suspect where so many mailboxes miss its inbox that what they do at the group's other seeds cannot be
the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placement_pipeline.domain.scores.exact_tests import reject_holm, sum_at_least

SUSPECT_LEVEL = 0.01
"""The chance that any good seed of a group and month is suspected, as long as seeds fail mailboxes independently."""

SUSPECT_SHARE = 0.75
"""A seed that fails fewer mailboxes than this may be strict; it is not broken."""

FEWEST_MAILBOXES = 5
"""With fewer, a seed cannot be told from its mailboxes: the control mailbox's probe decides alone."""


@dataclass(frozen=True, slots=True)
class SeedSuspicion:
    """What a month's mailboxes say of one seed.

    Attributes:
        mailbox_count: mailboxes with a resolved probe at it.
        missed_count: those among them whose probe was not in the inbox.
        p_value: the chance of so many or more, by what the same mailboxes do at the group's other seeds; None where too
            few missed it for it to be broken, whatever the chance.
        is_suspect: whether its probes are void.
    """

    mailbox_count: int
    missed_count: int
    p_value: float | None
    is_suspect: bool


def suspect_seeds(landed: Sequence[Mapping[str, bool]]) -> dict[str, SeedSuspicion]:
    """Judge the seeds of one provider group in one month.

    Args:
        landed: for each mailbox whether its probe was in the inbox, by seed; resolved probes alone, one a seed.

    Returns:
        By seed; nothing with fewer mailboxes than can tell.
    """
    missed = [sum(not is_inbox for is_inbox in mine.values()) for mine in landed]
    at_seed: dict[str, list[int]] = {}
    for number, mine in enumerate(landed):
        for seed_id in mine:
            at_seed.setdefault(seed_id, []).append(number)
    enough = {seed_id: numbers for seed_id, numbers in at_seed.items() if len(numbers) >= FEWEST_MAILBOXES}
    counts = {seed_id: sum(not landed[number][seed_id] for number in numbers) for seed_id, numbers in enough.items()}
    p_values = {
        # Laplace's rule: of the mailbox's other seeds one more is taken to miss it, of one more than there are.
        seed_id: sum_at_least(
            counts[seed_id],
            [(missed[one] - (not landed[one][seed_id]) + 1) / len(landed[one]) for one in numbers],
        )
        for seed_id, numbers in enough.items()
        if counts[seed_id] >= SUSPECT_SHARE * len(numbers)
    }
    suspect = reject_holm(p_values, SUSPECT_LEVEL, of=len(enough))
    return {
        seed_id: SeedSuspicion(len(numbers), counts[seed_id], p_values.get(seed_id), seed_id in suspect)
        for seed_id, numbers in enough.items()
    }
