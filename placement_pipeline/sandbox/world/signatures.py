"""The signatures under the reps' mail, as HTML, with the faults in place."""

import base64
import random
import struct
import zlib
from collections.abc import Iterable

from placement_pipeline.sandbox.world.faults import Fault, Faults
from placement_pipeline.sandbox.world.file import World, WorldChange

# 100 by 60 random pixels do not compress: 18 kB, as much as a logo banner, from no file.
_WIDTH, _HEIGHT = 100, 60


def signature_html(world: World, faults: Faults, address: str, changes: Iterable[WorldChange] = ()) -> str:
    """The signature of a sending address (a rep's or the control's), after these changes of the world."""
    rep = world.rep_of(address)
    name, title = (rep.name, rep.job_title) if rep else (world.control.name if world.control else "", "")
    domain = address.rpartition("@")[2]
    if faults.has(Fault.IMAGE_HEAVY_SIGNATURE, address):
        picture = base64.b64encode(_banner()).decode()
        return f'<p><img src="data:image/png;base64,{picture}" width="600" height="360" alt="{name}"></p>\n'
    link = f"https://www.{domain}/"
    for change in changes:
        if change.signature_of == address:
            link = f"https://{change.host}/"
    for plant in faults:
        if plant.fault is Fault.LISTED_TRACKING_DOMAIN and plant.on == address:
            link = f"https://{plant.host}/c/8f2a61"
    lines = [
        f"<strong>{name}</strong>",
        *([title] if title else []),
        f"{world.company}",
        f'<a href="{link}">{domain}</a>',
    ]
    return "<p>" + "<br>\n".join(lines) + "</p>\n"


def _banner() -> bytes:
    noise = random.Random(20261123)  # noqa: S311 - a picture, not a secret
    rows = b"".join(b"\0" + noise.randbytes(_WIDTH * 3) for _ in range(_HEIGHT))
    header = struct.pack("!IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
