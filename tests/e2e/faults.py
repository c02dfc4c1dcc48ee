"""What can go wrong on the wire, and the steps of a send and of a sweep at which it can."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.conftest import ANNA, MIA

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "dropped_before": {"behaviour": "drop_before"},
    "dropped_after": {"behaviour": "drop_after"},
    "half_an_answer": {"behaviour": "half_answer"},
    "429_with_a_pause": {"behaviour": "status", "status": 429, "retry_after_seconds": 0.2},
    "429_without": {"behaviour": "status", "status": 429},
    "500": {"behaviour": "status", "status": 500},
    "503": {"behaviour": "status", "status": 503},
    "expired_token": {"behaviour": "status", "status": 401},
    "broken_tls": {"behaviour": "break_tls"},
    "late": {"behaviour": "late", "late_seconds": 1.5},
}
"""What is late is so by more than a look-up waits for a call and a message (``conftest``: 1.1 s)."""

SENDS = {
    ANNA: ("google.token", "gmail.messages.send"),
    MIA: ("microsoft.discovery", "microsoft.token", "graph.messages.create", "graph.messages.send"),
}
TOKEN_ENDPOINTS = ("google.token", "microsoft.token")
LATE = (*TOKEN_ENDPOINTS, "gmail.messages.send", "graph.messages.send")
LOOK_UPS = {
    ANNA: ("gmail.messages.send", ("gmail.messages.list", "gmail.messages.get")),
    MIA: ("graph.messages.send", ("graph.messages.get",)),
}
SWEEPS = (
    *("google.token", "gmail.messages.list", "gmail.messages.get", "gmail.history.list"),
    *("microsoft.token", "graph.messages.delta", "graph.messages.raw"),
    *("imap.login", "imap.list", "imap.select", "imap.fetch"),
)


def steps_that_meet(steps: Sequence[str], fault: str) -> list[str]:
    """The steps that can meet a fault.

    A token endpoint that answers 401 refuses the grant, which is another matter. What is late is read again at once,
    as what does not come is, and is waited for where it is a token or a send.
    """
    if fault == "expired_token":
        return [step for step in steps if step not in TOKEN_ENDPOINTS]
    if fault == "late":
        return [step for step in steps if step in LATE]
    return list(steps)
