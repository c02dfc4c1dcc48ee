"""Rotated refresh tokens at rest: encrypted, of the configured grant, and lost to a wrong key in one clear line."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, create_engine, select

from placement_pipeline.connectors.errors import InputError, ReadError
from placement_pipeline.connectors.sign_in import InMemoryOnly, NotKeptError
from placement_pipeline.settings import Settings
from placement_pipeline.stages.token_store import StoredTokens, open_token_store
from placement_pipeline.stages.workplace import Workplace
from placement_pipeline.warehouse.rotated_tokens import TokenSeal, make_token_key
from placement_pipeline.warehouse.tables import rotated_tokens

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
Store = Callable[..., StoredTokens]


@pytest.fixture
def store(engine: Engine) -> Store:
    """Opens the table with a key; always the same one by default."""
    usual = make_token_key()

    def open_with(key: str = usual) -> StoredTokens:
        return StoredTokens(engine, TokenSeal(key), lambda: NOW)

    return open_with


def test_the_latest_token_of_a_grant_is_given_back_to_the_next_process(store: Store) -> None:
    assert store().latest("seed/outlook-01", "configured") == "configured"
    for token in ("first", "second"):
        store().keep("seed/outlook-01", "configured", token)
    assert store().latest("seed/outlook-01", "configured") == "second"
    assert store().latest("seed/outlook-02", "configured") == "configured"


def test_a_token_that_is_configured_anew_wins_over_what_was_stored(store: Store) -> None:
    store().keep("seed/outlook-01", "old", "rotated")
    assert store().latest("seed/outlook-01", "new") == "new"
    store().keep("seed/outlook-01", "new", "rotated again")
    assert store().latest("seed/outlook-01", "new") == "rotated again"
    assert store().latest("seed/outlook-01", "old") == "old"


def test_neither_token_nor_key_can_be_read_in_the_table(engine: Engine, store: Store) -> None:
    key = make_token_key()
    store(key).keep("seed/outlook-01", "configured-secret", "rotated-secret")
    with engine.begin() as connection:
        (row,) = connection.execute(select(rotated_tokens)).all()
    told = repr(row)
    assert (row.grant_key, row.rotated_at) == ("seed/outlook-01", NOW)
    assert not [secret for secret in ("configured-secret", "rotated-secret", key) if secret in told]


def test_a_wrong_key_is_one_clear_line(store: Store) -> None:
    store().keep("seed/outlook-01", "configured", "rotated")
    with pytest.raises(
        InputError, match=r"^secrets\.token_key does not open .* or empty the table rotated_tokens"
    ) as caught:
        store(make_token_key()).latest("seed/outlook-01", "configured")
    assert "\n" not in str(caught.value)
    assert "rotated" not in str(caught.value).replace("rotated_tokens", "")


def test_a_database_that_does_not_answer_is_no_missing_token() -> None:
    nowhere = create_engine("postgresql+psycopg2://127.0.0.1:1/none")
    store = StoredTokens(nowhere, TokenSeal(make_token_key()), lambda: NOW)
    with pytest.raises(ReadError) as caught:
        store.latest("seed/outlook-01", "configured")
    assert caught.value.code == "unreachable"
    with pytest.raises(NotKeptError):
        store.keep("seed/outlook-01", "configured", "rotated")


@pytest.mark.parametrize("key", ["short", "é" * 44, ""])
def test_a_key_that_is_none_is_one_clear_line_without_the_key(engine: Engine, key: str) -> None:
    with pytest.raises(
        InputError, match=r"^secrets\.token_key: this is no Fernet key; `placement token-key`"
    ) as caught:
        open_token_store(place(engine, key))
    assert not key or key not in str(caught.value)


def test_without_a_key_nothing_is_stored(engine: Engine) -> None:
    store = open_token_store(place(engine, None))
    assert isinstance(store, InMemoryOnly)
    store.keep("seed/outlook-01", "configured", "rotated")
    assert store.latest("seed/outlook-01", "configured") == "configured"
    assert isinstance(open_token_store(place(engine, make_token_key())), StoredTokens)


def place(engine: Engine, key: str | None) -> Workplace:
    settings = Settings.model_validate(
        {
            "tests": {"template": "t"},
            "roster": {"mailboxes_file": "m.csv"},
            "templates": [{"id": "t", "subject": "s", "file": "t.html"}],
            "seeds": [
                {
                    "id": "outlook-01",
                    "address": "a@b.example",
                    "family": "outlook_com",
                    "contact": {"name": "A", "company": "B"},
                }
            ],
            "secrets": {} if key is None else {"token_key": key},
        }
    )
    return Workplace(settings, engine, "", lambda: NOW)
