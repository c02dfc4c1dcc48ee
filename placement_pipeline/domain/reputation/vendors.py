"""Tracking hosts that many senders share, by the vendor behind them.

Only names a vendor in evidence and remedy: whether a host is shared is judged by its
organisation, so a vendor that is missing here changes no finding.
"""

from collections.abc import Mapping

from placement_pipeline.domain.names import normalize_domain

# As a mail client that blocks trackers knows them: https://github.com/apparition47/MailTrackerBlocker. It names
# Nylas, whose servers Pipedrive's mail sync runs on, as Pipedrive's.
_VENDORS: Mapping[str, str] = {
    "awstrack.me": "Amazon SES",
    "createsend.com": "Campaign Monitor",
    "customeriomail.com": "Customer.io",
    "exct.net": "Salesforce Marketing Cloud",
    "hubspotemail.net": "HubSpot",
    "hubspotlinks.com": "HubSpot",
    "klaviyomail.com": "Klaviyo",
    "list-manage.com": "Mailchimp",
    "mailtrack.io": "Mailtrack",
    "mixmax.com": "Mixmax",
    "nylas.com": "Nylas, which Pipedrive uses",
    "pardot.com": "Salesforce Account Engagement",
    "pstmrk.it": "Postmark",
    "rs6.net": "Constant Contact",
    "sendgrid.net": "Twilio SendGrid",
    "sidekickopen.com": "HubSpot",
    "yesware.com": "Yesware",
}


def name_vendor(host: str) -> str | None:
    """The vendor whose shared tracking host this is, or stands below; None where it is not a known one."""
    labels = normalize_domain(host).split(".")
    parents = (".".join(labels[place:]) for place in range(max(len(labels) - 3, 0), len(labels)))
    return next((_VENDORS[parent] for parent in parents if parent in _VENDORS), None)
