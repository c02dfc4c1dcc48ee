"""Text from outside, as PostgreSQL can store it: without NUL, and without halves of characters.

It refuses both, in text and in JSON, and a mail, a folder or a name may hold them. What is
looked up is treated alike, so that it is found again.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, event


def make_storable(engine: Engine) -> None:
    """Have every statement on this engine carry storable text."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def clean(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        return statement, storable(parameters)


def write_json(value: object) -> str:
    """JSON of a value, storable."""
    return json.dumps(storable(value))


def storable(value: Any) -> Any:
    """The value, where it is text or holds text, as it can be stored; others as they are."""
    match value:
        case str():
            text = value.replace("\0", "")
            return text if text.isascii() else text.encode("utf-8", "replace").decode()
        case Mapping():
            return {storable(key): storable(inner) for key, inner in value.items()}
        case list() | tuple():
            return type(value)([storable(inner) for inner in value])
        case _:
            return value
