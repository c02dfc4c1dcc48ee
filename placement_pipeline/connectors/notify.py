"""Notifications, to whatever the team reads: apprise knows the services, an URL names one."""

from collections.abc import Sequence

import apprise

from placement_pipeline.domain.harmless import inert


def notify(urls: Sequence[str], title: str, body: str) -> bool:
    """Send one notification to all of these places, as text that calls nobody. Returns whether every one took it."""
    post = apprise.Apprise()
    for url in urls:
        if not post.add(url):
            return False
    return bool(post.notify(title=inert(title), body=inert(body), body_format=apprise.NotifyFormat.TEXT))
