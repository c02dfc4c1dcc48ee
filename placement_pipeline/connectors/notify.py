"""Notifications, to whatever the team reads: apprise knows the services, an URL names one."""

from collections.abc import Sequence

import apprise


def notify(urls: Sequence[str], title: str, body: str) -> bool:
    """Send one notification to all of these places. Returns whether every one took it."""
    post = apprise.Apprise()
    for url in urls:
        if not post.add(url):
            return False
    return bool(post.notify(title=title, body=body))
