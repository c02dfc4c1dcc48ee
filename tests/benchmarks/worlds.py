"""Worlds of any size for the benchmarks: healthy mailboxes of one team, and seeds of every kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_FAMILIES = (
    ("gmail", "gmail-seed", 8),
    ("google_workspace", "northwind", 4),
    ("microsoft365", "contoso", 3),
    ("outlook_com", "outlook-seed", 2),
    ("regional", "mailhaus", 3),
)
_MICROSOFT_SHARE = 5
"""Every fifth mailbox is at Microsoft."""


def address_of(number: int) -> str:
    """The address of a mailbox, by its number from 1."""
    return f"rep{number}@{'globex' if number % _MICROSOFT_SHARE == 0 else 'acme'}.example"


def is_at_microsoft(address: str) -> bool:
    """Where a mailbox of these worlds lives."""
    return address.endswith("@globex.example")


def make_world(mailboxes: int, seeds: int = 20) -> Mapping[str, Any]:
    """A world of so many mailboxes and seeds; the seeds in the proportions of twenty."""
    named = [
        {"id": f"{family.replace('_', '-')}-{number}", "address": f"seed{number}@{domain}.example", "family": family}
        for family, domain, count in _FAMILIES
        for number in range(1, count + 1)
    ]
    chosen = [named[index * len(named) // seeds] for index in range(seeds)]
    return {
        "company": "Acme",
        "domains": [
            {"name": "acme.example", "hosted_at": "google"},
            {"name": "globex.example", "hosted_at": "microsoft", "tenant": "globexcorp"},
        ],
        "reps": [
            {
                "id": number,
                "name": f"Rep {number}",
                "email": address_of(number),
                "mailboxes": [{"address": address_of(number), "past": {"weeks": 30, "weekly_sent": 10}}],
            }
            for number in range(1, mailboxes + 1)
        ],
        "seeds": [seed | {"contact": {"name": "Nora Lind", "company": "Lind"}} for seed in chosen],
    }


def write_world(path: Path, world: Mapping[str, Any]) -> Path:
    """Write a world file."""
    path.write_text(yaml.safe_dump(dict(world)), encoding="utf-8")
    return path
