"""Invented people and seeds, as the rules see them."""

from typing import Any

from placement_pipeline.domain.roster import RosterEntry, mailbox_id_of
from placement_pipeline.domain.seed_mailbox import SeedMailbox
from placement_pipeline.domain.words import MailProvider, ProviderFamily, Role, Route, SyncMode

SEED = SeedMailbox("gmail-01", "gmail01@seeds.example", ProviderFamily.GMAIL, "Vera Lind", "Lindholm & Co")


def entry(address: str = "anna@acme.example", **changes: Any) -> RosterEntry:
    """A rep's mailbox in the roster; ``changes`` replace what a test is about."""
    fields: dict[str, Any] = {
        "mailbox_id": mailbox_id_of(address),
        "role": Role.REP,
        "rep_id": "pd-1",
        "rep_id_pipedrive": 1,
        "rep_name": "Anna Berg",
        "address": address,
        "account_address": address,
        "provider": MailProvider.GOOGLE,
        "sync_mode": SyncMode.TWO_WAY,
        "route": Route.MAILBOX,
        "is_in": True,
        "why": "Synced both ways with Pipedrive.",
        "signature_html": "",
        "merge_fields": {},
    }
    return RosterEntry(**(fields | changes))
