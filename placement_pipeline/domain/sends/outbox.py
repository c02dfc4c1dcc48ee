"""The outbox's rule: what becomes of a send job after each thing that is learnt of it.

Here alone stands what may be sent again: a refusal that asks for a pause, and an attempt
that is proven not to have gone out, or was turned away, while the job has attempts left. Storing it, and that
news of an earlier attempt changes nothing, is ``warehouse.outbox``.
"""

from enum import StrEnum

from placement_pipeline.domain.words import SendState


class News(StrEnum):
    """What can be learnt of an attempt."""

    ACCEPTED = "accepted"  # the provider has taken the message
    SEEN = "seen"  # its copy lies in Sent, or it lies in a seed
    REFUSED = "refused"  # the provider said no
    PAUSED = "paused"  # the provider said no for now, and nothing went out
    TURNED_AWAY = "turned_away"  # the provider does not take the token, which was good when it was had
    ABSENT = "absent"  # no copy in Sent
    PROVEN_UNSENT = "proven_unsent"  # the draft is one still, or no copy was in Sent twice
    NO_ANSWER = "no_answer"  # the call ended without one
    CANNOT_TELL = "cannot_tell"  # the look-up failed


def next_state(news: News, spent_attempts: int, max_attempts: int) -> SendState:
    """The state of a job after this news of its last attempt.

    Args:
        news: what was learnt.
        spent_attempts: attempts so far that ended like this one, without an answer or turned away; this one among
            them.
        max_attempts: how many such attempts one probe may have.
    """
    match news:
        case News.ACCEPTED | News.SEEN:
            return SendState.SENT
        case News.REFUSED:
            return SendState.REFUSED
        case News.PAUSED:
            return SendState.PLANNED
        case News.PROVEN_UNSENT | News.TURNED_AWAY:
            return SendState.PLANNED if spent_attempts < max_attempts else SendState.REFUSED
        case News.NO_ANSWER | News.ABSENT | News.CANNOT_TELL:
            return SendState.UNKNOWN
