"""Settings and variables of the environment that documents name, held against the settings' types and the code."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from placement_pipeline.settings import Secrets, Settings
from tests.unit.documents.markdown import PACKAGE, ROOT, Document


def tables_in(annotation: Any, is_keyed: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The tables that a setting consists of, and whether each lies under a key of its own (``seeds.gmail-01``)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, is_keyed
    for inner in get_args(annotation):
        yield from tables_in(inner, is_keyed or get_origin(annotation) is dict)


def is_setting(model: type[BaseModel], name: list[str]) -> bool:
    """Whether a table has a setting of this dotted name; ``*`` stands for all of a table."""
    first, *rest = name
    if first not in model.model_fields:
        return False
    annotation = model.model_fields[first].annotation
    tables = list(tables_in(annotation))
    if not rest or (get_origin(annotation) is dict and not tables):
        return True
    if rest == ["*"]:
        return bool(tables)
    return any(not below or is_setting(table, below) for table, keyed in tables for below in [rest[keyed:]])


def setting_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for table, _ in tables_in(field.annotation):
            yield from setting_names(table)


def names_in(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """The dotted names of all that stands in a table of TOML."""
    for key, value in table.items():
        yield [*above, key]
        for below in value if isinstance(value, list) else [value]:
            if isinstance(below, Mapping):
                yield from names_in(below, (*above, key))


SETTING_NAMES = set(setting_names(Settings))
FILE = re.compile(r"\.(csv|html|json|md|pem|py|sql|toml|xlsx|ya?ml)$")


def unknown_settings(document: Document) -> list[str]:
    """Names of settings, in backticks and in blocks of TOML, that no configuration can hold."""
    unknown = []
    for span in document.spans:
        if re.fullmatch(r"[a-z_]+(\.[\w*-]+)+", span) and not FILE.search(span):
            name = span.split(".")
            # One that is near: of no table that there is, and yet called as a setting.
            is_meant = name[0] in Settings.model_fields or (len(name) == 2 and name[1] in SETTING_NAMES)
            unknown += [span] if is_meant and not is_setting(Settings, name) else []
        elif written := re.match(r"(\w+) = |\[{1,2}([a-z_]+)(?:\.\S+)?\]{1,2}(?: |$)", span):
            unknown += [span] if (written[1] or written[2]) not in SETTING_NAMES else []
    for language, content in document.blocks:
        if language == "toml":
            table = tomllib.loads(content)
            # Both files have seeds: in the secrets each is a table of its own.
            is_secret = table.keys() <= Secrets.model_fields.keys() and not isinstance(table.get("seeds"), list)
            model = Secrets if is_secret else Settings
            unknown += [".".join(name) for name in names_in(table) if not is_setting(model, name)]
    return unknown


VARIABLE = re.compile(r"\bPLACEMENT_[A-Z0-9_]*[A-Z0-9]")


@cache
def variables_of_the_code() -> frozenset[str]:
    files = [*PACKAGE.rglob("*.py"), ROOT / "Makefile", ROOT / "docker/compose.yaml", ROOT / "docker/dagster.yaml"]
    return frozenset(name for file in files for name in VARIABLE.findall(file.read_text(encoding="utf-8")))


def unknown_variables(document: Document) -> list[str]:
    """Variables of the environment that neither the settings nor the code know."""
    return [
        name
        for name in VARIABLE.findall(document.text)
        if name not in variables_of_the_code()
        and not is_setting(Settings, name.removeprefix("PLACEMENT_").lower().split("__"))
    ]
