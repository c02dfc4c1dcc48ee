"""The one database: which it is, an engine on it, its schema, and how Dagster and dbt reach it.

A configured server (``PLACEMENT_DATABASE_URL``) and the embedded one are the same to
everything past this module.
"""

import getpass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from placement_pipeline.warehouse.embedded import EmbeddedServer
from placement_pipeline.warehouse.errors import DatabaseUrlError
from placement_pipeline.warehouse.storable import make_storable, write_json
from placement_pipeline.warehouse.upsert import BATCH

#: Everything we own in the database: raw tables, dbt's views and marts, Dagster's own storage.
SCHEMAS = ("placement", "staging", "marts", "dagster")

DatabaseError = SQLAlchemyError
"""What the database, or the way to it, could not do."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x706C6163  # "plac": any number that only we use
_DRIVERS = frozenset({"postgres", "postgresql", "postgresql+psycopg2"})


def database_url(home: Path, configured: str | None = None) -> str:
    """The SQLAlchemy URL of the database; starts the embedded server where none is configured.

    Args:
        home: where the embedded server keeps its data.
        configured: ``postgresql://user:password@host/name`` or the older ``postgres://``.

    Raises:
        DatabaseUrlError: it is no URL of a PostgreSQL database.
        EmbeddedServerError: the embedded server does not start.
    """
    if not configured:
        return EmbeddedServer(home).start()
    try:
        url = make_url(configured)
    except (ArgumentError, ValueError):
        raise DatabaseUrlError(
            "PLACEMENT_DATABASE_URL: this is no URL; write postgresql://user:password@host:5432/database"
        ) from None
    if url.drivername not in _DRIVERS:
        raise DatabaseUrlError(
            f"PLACEMENT_DATABASE_URL: {url.drivername} is not supported; "
            "write postgresql://user:password@host:5432/database"
        )
    if not url.database:
        raise DatabaseUrlError("PLACEMENT_DATABASE_URL: it names no database; add it as in postgresql://host/database")
    return _render(url.set(drivername="postgresql+psycopg2"))


def open_engine(url: str) -> Engine:
    """An engine on the database; its sessions speak UTC, a dead connection is replaced, its text can be stored."""
    parsed = make_url(url)
    options = _query(parsed, "options")
    engine = create_engine(
        parsed,
        json_serializer=write_json,
        pool_pre_ping=True,
        # Upserts too: without it SQLAlchemy sends those row by row.
        executemany_mode="values_plus_batch",
        executemany_batch_page_size=BATCH,
        connect_args={"options": f"{options} -ctimezone=UTC".strip(), "application_name": "placement"},
    )
    make_storable(engine)
    return engine


def is_about_rows(error: DatabaseError) -> bool:
    """Whether the database refused what was to be stored, and works for others."""
    return isinstance(error, DataError | IntegrityError)


def server_version(connection: Connection) -> str:
    """PostgreSQL's own word for its version."""
    return str(connection.execute(text("show server_version")).scalar_one())


def migrate(engine: Engine) -> None:
    """Bring the schema to this version of the code: all of it or nothing, and one starter at a time.

    Raises:
        DatabaseUrlError: the server does not answer or does not let us in, or the schema is newer than the code.
    """
    with _first_connection(engine) as connection, connection.begin():
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        # "create schema if not exists" asks for the right to create even where the schema is there.
        for schema in set(SCHEMAS) - set(inspect(connection).get_schema_names()):
            connection.execute(CreateSchema(schema))
        config = migration_config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            if "locate revision" not in str(error):
                raise
            raise DatabaseUrlError(
                "the database was made by a newer version of placement; install that version, or set "
                "PLACEMENT_DATABASE_URL or PLACEMENT_HOME to another"
            ) from None


def _first_connection(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        reason = str(error.orig).strip().partition("\n")[0]  # libpq's: host, port and user, never the password
        raise DatabaseUrlError(
            f"PLACEMENT_DATABASE_URL: {reason}; check that the server runs and that host, user and password are right"
        ) from None


def migration_config() -> Config:
    """Alembic's configuration; who runs a command sets ``attributes["connection"]``."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def dagster_url(url: str) -> str:
    """The URL for Dagster's own storage, in a schema of its own; any driver and libpq read it."""
    parsed = make_url(url).set(drivername="postgresql")
    options = f"{_query(parsed, 'options')} -csearch_path=dagster".strip()
    return _render(parsed.update_query_dict({"options": options}))


def dbt_environment(url: str, time_zone: str = "UTC") -> dict[str, str]:
    """The environment that the dbt project reads; dbt keeps the password out of its logs by its name.

    Args:
        url: a SQLAlchemy URL; a Unix socket's directory may stand in its query as ``host``.
        time_zone: the business time zone, in which the marts count days and months.
    """
    parsed = make_url(url)
    return {
        "PLACEMENT_DBT_HOST": parsed.host or _query(parsed, "host") or "localhost",
        "PLACEMENT_DBT_PORT": str(parsed.port or _query(parsed, "port") or 5432),
        "PLACEMENT_DBT_USER": parsed.username or _query(parsed, "user") or getpass.getuser(),
        "DBT_ENV_SECRET_PLACEMENT_PASSWORD": parsed.password or "",
        "PLACEMENT_DBT_DBNAME": parsed.database or "",
        "PLACEMENT_DBT_SSLMODE": _query(parsed, "sslmode") or "prefer",
        "PLACEMENT_DBT_TIME_ZONE": time_zone,
    }


def _query(url: URL, name: str) -> str:
    value = url.query.get(name, "")
    return value if isinstance(value, str) else value[-1]


def _render(url: URL) -> str:
    """Write the URL so that libpq reads it too: SQLAlchemy writes a space as ``+``, which libpq takes literally."""
    parts = urlsplit(url.render_as_string(hide_password=False))
    return urlunsplit(parts._replace(query=parts.query.replace("+", "%20")))
