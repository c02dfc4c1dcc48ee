"""OData as Graph's message lists understand it: ``$filter``, ``$orderby``, ``$select``, paging.

Only what a sweep, a look-up and a count of sent mail need. Anything else is an error, so
that no test passes on an option that was silently ignored.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ODataRecord = Mapping[str, Any]

_MAX_TOP = 1000
_DEFAULT_TOP = 10
_OPTIONS = {"$filter", "$orderby", "$select", "$top", "$skip", "$count"}
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt,
}  # fmt: skip
_CLAUSE = re.compile(r"(?P<path>[A-Za-z/]+) (?P<operator>eq|ne|ge|gt|le|lt) (?P<value>'(?:[^']|'')*'|\S+)")
_NOT_UNLESS_SELECTED = "internetMessageHeaders"


class ODataError(Exception):
    """A query that Graph refuses; ``code`` is Graph's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Clause:
    path: str
    test: Callable[[Any, Any], bool]
    value: Any

    def accepts(self, record: ODataRecord) -> bool:
        found: Any = record
        for name in self.path.split("/"):
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(self.value, datetime) and isinstance(found, str):
            found = datetime.fromisoformat(found)
        if isinstance(found, str) and isinstance(self.value, str) and self.path.endswith("emailAddress/address"):
            return self.test(found.lower(), self.value.lower())
        return found is not None and self.test(found, self.value)


class ListQuery:
    """The options of one list request.

    Raises:
        ODataError: an option, property or combination that Graph (or this server) refuses.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        if unknown := sorted(name for name in options if name.startswith("$") and name not in _OPTIONS):
            raise ODataError("BadRequest", f"The query option '{unknown[0]}' is not supported here.")
        self._clauses = _clauses(options.get("$filter", ""))
        self._order, self._descending = _order(options.get("$orderby", ""))
        if self._order and self._clauses and self._clauses[0].path != self._order:
            # List messages: what is in $orderby must come first in $filter, in the same order.
            raise ODataError("InefficientFilter", "The restriction or sort order is too complex for this operation.")
        self.selected = frozenset(name.strip() for name in options.get("$select", "").split(",") if name.strip())
        self.top = _whole(options, "$top", _DEFAULT_TOP)
        if not 1 <= self.top <= _MAX_TOP:
            raise ODataError("ErrorInvalidUrlQuery", f"The value of $top must be between 1 and {_MAX_TOP}.")
        self.skip = _whole(options, "$skip", 0)
        self.counts = options.get("$count", "").lower() == "true"

    def hits(self, records: list[ODataRecord]) -> list[ODataRecord]:
        """The records that match, in the order asked; by default the newest first."""
        found = [record for record in records if all(clause.accepts(record) for clause in self._clauses)]
        by = self._order or "receivedDateTime"
        return sorted(found, key=lambda record: str(record.get(by, "")), reverse=self._descending)


def select_properties(record: ODataRecord, selected: frozenset[str]) -> dict[str, Any]:
    """A record with the properties asked for; the headers only come when they are named."""
    if not selected:
        return {name: value for name, value in record.items() if name != _NOT_UNLESS_SELECTED}
    return {name: value for name, value in record.items() if name in selected or name in ("@odata.etag", "id")}


def _clauses(text: str) -> list[_Clause]:
    clauses = []
    for part in re.split(r"\s+and\s+", text.strip()) if text.strip() else []:
        match = _CLAUSE.fullmatch(part.strip().strip("()"))
        if not match:
            raise ODataError("BadRequest", f"Invalid filter clause: {part!r} is not supported.")
        clauses.append(_Clause(match["path"], _OPERATORS[match["operator"]], _value(match["path"], match["value"])))
    return clauses


def _value(path: str, text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    if path.endswith("DateTime"):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment
    raise ODataError("BadRequest", f"Invalid filter clause: {text!r} is no value for {path}.")


def _order(text: str) -> tuple[str, bool]:
    if not text:
        return "", True
    match = re.fullmatch(r"(\w+)(?:\s+(asc|desc))?", text.strip())
    if not match:
        raise ODataError("BadRequest", f"$orderby {text!r} is not supported.")
    return match[1], match[2] == "desc"


def _whole(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal():
        raise ODataError("ErrorInvalidUrlQuery", f"The value of {name} must be a whole number.")
    return int(text)
