"""Which database URLs are taken, and how Dagster and dbt are told of them."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from placement_pipeline.warehouse.database import (
    dagster_url,
    database_url,
    dbt_environment,
    open_engine,
)
from placement_pipeline.warehouse.errors import DatabaseUrlError

SOCKET = "postgresql+psycopg2://postgres@/postgres?host=%2Ftmp%2Fan%20odd%20place"
SERVER = "postgresql+psycopg2://anna:s%40cret@db.example:5433/placement?sslmode=require"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_way_to_write_a_postgresql_url_is_taken(scheme: str) -> None:
    url = database_url(Path("home"), f"{scheme}://anna:s%40cret@db.example:5433/placement?sslmode=require")

    assert url == SERVER


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ("mysql://anna:geheim@db.example/placement", "mysql is not supported"),
        ("postgresql+asyncpg://anna:geheim@db.example/placement", r"postgresql\+asyncpg is not supported"),
        ("anna:geheim@db.example", "this is no URL"),
        ("postgresql://anna:geheim@db.example:many/placement", "this is no URL"),
        ("postgresql://anna:geheim@db.example", "it names no database"),
    ],
)
def test_any_other_url_is_refused_in_one_line_without_its_password(configured: str, said: str) -> None:
    with pytest.raises(DatabaseUrlError, match=f"^PLACEMENT_DATABASE_URL: .*{said}") as refusal:
        database_url(Path("home"), configured)

    assert "\n" not in str(refusal.value)
    assert "geheim" not in str(refusal.value)


def test_dagster_gets_a_plain_url_that_libpq_reads_too() -> None:
    assert (
        dagster_url(SOCKET)
        == "postgresql://postgres@/postgres?host=%2Ftmp%2Fan%20odd%20place&options=-csearch_path%3Ddagster"
    )
    assert make_url(dagster_url(SERVER)).query == {"sslmode": "require", "options": "-csearch_path=dagster"}


def test_dbt_gets_a_server_by_name_and_a_socket_by_its_directory() -> None:
    assert dbt_environment(SERVER, "Europe/Berlin") == {
        "PLACEMENT_DBT_HOST": "db.example",
        "PLACEMENT_DBT_PORT": "5433",
        "PLACEMENT_DBT_USER": "anna",
        "DBT_ENV_SECRET_PLACEMENT_PASSWORD": "s@cret",
        "PLACEMENT_DBT_DBNAME": "placement",
        "PLACEMENT_DBT_SSLMODE": "require",
        "PLACEMENT_DBT_TIME_ZONE": "Europe/Berlin",
    }
    assert dbt_environment(SOCKET)["PLACEMENT_DBT_HOST"] == "/tmp/an odd place"


def test_an_engine_shows_no_password() -> None:
    assert "s@cret" not in repr(open_engine(SERVER))
