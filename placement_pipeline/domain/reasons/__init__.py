"""The closed, documented list of reason codes: what each says, and what an admin does about it.

Only the list, one file a subject. Findings are made of it in ``domain.findings``; a code
that is not here cannot be used anywhere.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from placement_pipeline.domain.reasons import arc, content, dkim, dmarc, history, mx, receiver, spf, tracking
from placement_pipeline.domain.reasons.code import FindingReason

__all__ = ["REASONS", "FindingReason"]


def _all() -> Iterator[tuple[str, FindingReason]]:
    for subject in (spf, dkim, arc, dmarc, mx, receiver, tracking, content, history):
        yield from subject.REASONS.items()


REASONS: Mapping[str, FindingReason] = MappingProxyType(dict(_all()))
"""Every reason code. A finding with any other code cannot be made."""
