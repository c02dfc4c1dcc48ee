"""Notifications, to whatever the team reads: apprise knows the services, an URL names one."""

import hashlib

import apprise

from placement_pipeline.domain.harmless import inert


def is_understood(url: str) -> bool:
    """Whether apprise understands the URL; nothing is sent."""
    return apprise.Apprise.instantiate(url) is not None


def notify(url: str, title: str, body: str) -> bool:
    """Send one notification to one place, as text that calls nobody. Returns whether it took it."""
    post = apprise.Apprise()
    if not post.add(url):
        return False
    return bool(post.notify(title=inert(title), body=inert(body), body_format=apprise.NotifyFormat.TEXT))


def target_of(url: str) -> str:
    """A name for a place that can be stored: its URL is a secret."""
    return f"place-{hashlib.blake2b(url.encode(), digest_size=6).hexdigest()}"
