"""Signature files: what a table names is mailed as it stands, so it is read only from where signatures lie."""

import os
import stat
from pathlib import Path

from placement_pipeline.connectors.errors import InputError

_MOST_BYTES = 256 * 1024
# The settings and their secrets often lie beside the table, and whoever writes the table need not know them.
_ENDINGS = (".html", ".htm")


def read_signature(path: Path, folder: Path, what: str) -> str:
    """Read a signature: a page in a folder or below it, links followed no further than that, and only to pages.

    Args:
        path: the file.
        folder: what it has to lie in.
        what: whom the message is about, for example ``mailboxes.csv:2: signature_file anna.html``.

    Raises:
        InputError: one line that says what is wrong, and the remedy.
    """
    remedy = "correct the name or leave it empty"
    try:
        home, real = os.path.realpath(folder), os.path.realpath(path)
        if os.path.commonpath([home, real]) != home:
            raise InputError(f"{what}: lies outside the folder of what names it; put the file there")
        # Not blocking: a pipe that nobody writes to would be waited for.
        with open(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{what}: cannot be read, it is no plain file; {remedy}")
            if not real.lower().endswith(_ENDINGS):
                raise InputError(f"{what}: is not called a page; name a file that ends in .html")
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InputError(f"{what}: larger than {_MOST_BYTES // 1024} KiB; link to its pictures instead")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{what}: no such file; {remedy}") from None
    except UnicodeDecodeError:
        raise InputError(f"{what}: not UTF-8; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{what}: cannot be read ({type(error).__name__}); {remedy}") from None
