"""An image of a page: whether it is seen, how large it is, where it comes from.

Which images a page has is ``markup``; whether an unseen one is a tracking pixel is
``reading``.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from placement_pipeline.domain.content.links import split_address
from placement_pipeline.domain.content.styles import RELATIVE, is_hidden, side

_PIXEL_SIDE = 2
_WIDE = 300
_MAX_AREA = 10_000_000
_NO_DATA = string.whitespace + "="


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is shown.

    Attributes:
        target: host, and path with query, of a remote one; empty for one that travels in the message.
        content_id: of the part it is in (``cid:``), or empty.
        byte_count: of one that travels in the message, where known here (``data:``).
        pixels: its area, where width and height are given.
        is_wide: it is given as wide, by its width or as a share of the page.
        is_in_signature: as marked in the page.
    """

    target: tuple[str, str] | tuple[()] = ()
    content_id: str = ""
    byte_count: int = 0
    pixels: int | None = None
    is_wide: bool = False
    is_in_signature: bool = False


@dataclass(frozen=True, slots=True)
class Unseen:
    """An image that nobody sees.

    Attributes:
        target: as of ``Image``.
        is_version: it has the size of a picture and is hidden: another reader's version of one.
    """

    target: tuple[str, str] | tuple[()]
    is_version: bool


def look_at(source: str, values: Mapping[str, str], style: Mapping[str, str], *, is_covered: bool) -> Image | Unseen:
    """What an element shows as an image.

    Args:
        source: the image's address.
        values: the element's attributes.
        style: its declarations, as ``styles`` reads them.
        is_covered: it stands in something that is hidden.
    """
    source = source.strip()
    width, height = (side(values, style, name) for name in ("width", "height"))
    given = [one for one in (width, height) if one is not None]
    target = split_address(source) or ()
    # One tiny side alone is enough: the other one follows it.
    if given and all(0 <= one <= _PIXEL_SIDE for one in given):
        return Unseen(target, is_version=False)
    if is_covered or is_hidden(values, style) or 0 in given:
        return Unseen(target, is_version=0 not in given and bool(given))
    is_area = len(given) == 2 and RELATIVE not in given
    return Image(
        target=target,
        content_id=unquote(source[4:]) if source[:4].lower() == "cid:" else "",
        byte_count=_data_bytes(source),
        pixels=min(round(given[0] * given[1]), _MAX_AREA) if is_area else None,
        is_wide=width is not None and (width == RELATIVE or width >= _WIDE),
    )


def decoded_length(data: str) -> int:
    """Bytes that base64 text stands for."""
    return (len(data) - sum(map(data.count, _NO_DATA))) * 3 // 4


def _data_bytes(source: str) -> int:
    if source[:5].lower() != "data:":
        return 0
    data = source.partition(",")[2]
    return int(data[1:]) if re.fullmatch(r"#\d{1,9}", data) else decoded_length(data)
