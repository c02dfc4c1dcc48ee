"""A small way into the world: its state in a directory of the test's own, its keys made once for all tests."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from placement_pipeline.sandbox.post.mailstore import StoredMessage
from placement_pipeline.sandbox.post.office import PostOffice
from placement_pipeline.sandbox.world.faults import Faults
from placement_pipeline.sandbox.world.file import World, load_world
from placement_pipeline.sandbox.world.keys import KeyRing
from placement_pipeline.sandbox.world.zones import Zones

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

TEXT = """I read that your company is opening a second warehouse this spring. Several of our customers went
through the same step last year, and most of them told us afterwards that planning the hand-over took longer than
the move itself. We help operations teams keep one view of stock and open orders while two places run side by side.
At a distributor of about your size, the weekly meeting went from three hours to forty minutes. Would a short call
next week be useful? I can show what the first month looked like for them, and you can decide whether it fits. """


def write_mail(from_address: str, to: str, *, signature: str = "", link: str = "", pixel: str = "") -> bytes:
    """A sales mail of about a hundred words."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Rep <{from_address}>", to, "Two sites, one plan"
    mail["X-Placement-Probe"] = "pp" + "a" * 20
    link = link or f"https://www.{from_address.partition('@')[2]}/"
    mail.set_content(TEXT)
    mail.add_alternative(f'<p>{TEXT}</p><a href="{link}">More</a>{signature}{pixel}', subtype="html")
    return mail.as_bytes()


@pytest.fixture(scope="session")
def world() -> World:
    """The default world."""
    return load_world(None)


@pytest.fixture(scope="session")
def key_directory(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of the default world: a tenth of a second each to make."""
    directory = tmp_path_factory.mktemp("keys")
    keys = KeyRing(directory)
    Zones(world, Faults(world.faults), keys)
    Zones(world, Faults(()), keys)
    return directory


@pytest.fixture
def state(tmp_path: Path, key_directory: Path) -> Path:
    """An empty state directory with the keys in it."""
    shutil.copytree(key_directory, tmp_path / "state" / "keys")
    return tmp_path / "state"


@asynccontextmanager
async def opened(world: World, state: Path, clock: Callable[[], datetime] = lambda: NOW) -> AsyncIterator[PostOffice]:
    """A running post office."""
    office = PostOffice.open(world, state, clock)
    await office.start()
    yield office
    await office.close()


async def send(office: PostOffice, from_address: str, seed_id: str, raw: bytes | None = None) -> StoredMessage:
    """Send one mail as a sending address to a seed.

    Returns:
        The message as it lies in the seed's mailbox.
    """
    seed = office.world.seed(seed_id)
    account = office.store.account_of(from_address)
    assert account is not None
    if raw is None:
        raw = write_mail(from_address, seed.address, signature=office.signature_html(from_address))
    await office.submit(account, raw, "gmail_api" if account.hosted_at == "google" else "graph")
    return office.store.messages(seed.address)[-1]
