"""What an alert says."""

from placement_pipeline.stages import alerts
from tests.unit.stages.test_sheet import ROW


def test_an_alert_says_who_what_why_and_what_to_do_and_unknown_is_no_zero() -> None:
    title, body = alerts._alert(ROW | {"inbox_rate_microsoft365": None})
    assert title == "Anna Berg: anna@acme.example is flagged"
    assert body.splitlines() == [
        "Gmail 75% inbox, Microsoft 365 unknown.",
        "Pictures outweigh words.",
        "Replace the image.",
    ]
