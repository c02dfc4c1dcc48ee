"""The embedded PostgreSQL: started once, stopped, found again, whatever killed it."""

import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url, text

from placement_pipeline.warehouse.embedded import EmbeddedServer
from placement_pipeline.warehouse.errors import EmbeddedServerError
from tests.conftest import engine_on

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user of a process")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "home", durable=False)
    yield server
    server.remove()


def postmaster_pid(server: EmbeddedServer) -> int:
    return int((server.directory / "data" / "postmaster.pid").read_text().split()[0])


def ask(server: EmbeddedServer, statement: str) -> object:
    with engine_on(server.url) as engine, engine.begin() as connection:
        result = connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


def test_a_second_start_finds_the_running_server(server: EmbeddedServer) -> None:
    url = server.start()
    pid = postmaster_pid(server)

    assert EmbeddedServer(server.home, durable=False).start() == url
    assert postmaster_pid(server) == pid


def test_two_starters_at_once_share_one_server(server: EmbeddedServer) -> None:
    with ThreadPoolExecutor(2) as starters:
        urls = set(starters.map(lambda _: EmbeddedServer(server.home, durable=False).start(), range(2)))

    assert urls == {server.url}
    assert server.is_running()


def test_stopping_keeps_the_data_and_a_second_stop_finds_nothing(server: EmbeddedServer) -> None:
    server.start()
    ask(server, "create table kept as select 7 as number")

    assert server.stop()
    assert not server.is_running()
    assert not server.stop()
    server.start()
    assert ask(server, "select number from kept") == 7


def test_a_killed_server_starts_again_with_everything_committed(server: EmbeddedServer) -> None:
    server.start()
    ask(server, "create table kept as select 7 as number")
    os.kill(postmaster_pid(server), signal.SIGKILL)

    server.start()

    assert ask(server, "select number from kept") == 7


def test_a_pid_file_that_names_another_process_is_no_server(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    (server.directory / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")

    assert not server.is_running()
    assert not server.stop()
    server.start()

    assert server.is_running()


def test_the_server_is_out_of_reach_of_the_terminal_and_of_the_network(server: EmbeddedServer) -> None:
    server.start()

    assert os.getsid(postmaster_pid(server)) != os.getsid(0)
    assert ask(server, "show listen_addresses") == ""
    socket_directory = Path(str(ask(server, "show unix_socket_directories")).strip('"'))
    assert stat.S_IMODE(socket_directory.stat().st_mode) == 0o700


def test_a_failed_start_says_so_in_one_line_and_shows_the_log(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    (server.directory / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedServerError) as failure:
        server.start()

    first, *log = str(failure.value).splitlines()
    assert first.startswith("embedded PostgreSQL: the server did not start; its log is ")
    assert any("9" in line for line in log)


def test_a_home_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(EmbeddedServerError, match="PLACEMENT_DATABASE_URL"):
        EmbeddedServer(tmp_path / "home").start()


def test_a_home_with_a_long_or_awkward_name_works(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / f"it's 100 %, {'long' * 25}", durable=False)
    try:
        assert server.start() == server.url
        assert ask(server, "select 1") == 1
    finally:
        server.remove()
    assert not server.home.joinpath("postgres").exists()


@as_root
def test_below_a_private_directory_the_data_lie_elsewhere_and_are_removed_with_the_home(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedServer(private / "home", durable=False)
    server.start()
    elsewhere = server.directory

    assert private not in elsewhere.parents
    assert elsewhere.stat().st_uid != 0
    assert stat.S_IMODE(private.stat().st_mode) == 0o700

    server.remove()
    assert not elsewhere.exists()


@as_root
def test_a_home_deleted_by_hand_leaves_nothing_for_the_next_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = EmbeddedServer(tmp_path / "home", durable=False)
    server.start()
    ask(server, "create table old as select 1")
    shutil.rmtree(server.home)

    server.start()

    assert ask(server, "select to_regclass('old')") is None
    server.remove()


@as_root
def test_where_nobody_can_reach_the_home_the_data_stay_in_it() -> None:
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    server = EmbeddedServer(home, durable=False)
    try:
        server.start()
        assert server.directory == home / "postgres"
    finally:
        server.remove()
        home.rmdir()


def connect(server: EmbeddedServer, password: str | None) -> None:
    psycopg2.connect(
        host=make_url(server.url).query["host"], user="postgres", dbname="postgres", password=password
    ).close()


@pytest.mark.parametrize("password", [None, "", "guessed"])
def test_whoever_reaches_the_socket_without_the_password_stays_out(
    server: EmbeddedServer, password: str | None
) -> None:
    server.start()
    file = server.home / "postgres-password"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_uid == os.geteuid()
    assert not (server.directory / "password").exists()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        connect(server, password)
    connect(server, file.read_text())


def knock_for_a_while(server: EmbeddedServer) -> None:
    """Connect without a password until that is refused: a server reads its rules again in a moment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        connect(server, None)


def as_before(server: EmbeddedServer) -> None:
    """A home as it was before there were passwords."""
    server.start()
    ask(server, "create table kept as select 7 as number")
    ask(server, "alter role postgres password null")
    server.stop()
    (server.directory / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    (server.home / "postgres-password").unlink()


def test_a_home_from_before_there_were_passwords_starts_and_has_one(server: EmbeddedServer) -> None:
    as_before(server)

    server.start()

    assert ask(server, "select number from kept") == 7
    with pytest.raises(psycopg2.OperationalError, match="password"):
        knock_for_a_while(server)


@pytest.mark.parametrize("runs", [True, False])
def test_a_password_file_that_was_deleted_is_made_anew(server: EmbeddedServer, runs: bool) -> None:
    before = server.start()
    ask(server, "create table kept as select 7 as number")
    if not runs:
        server.stop()
    (server.home / "postgres-password").unlink()

    assert server.start() != before
    assert ask(server, "select number from kept") == 7


def test_a_server_whose_password_is_lost_can_be_stopped(server: EmbeddedServer) -> None:
    server.start()
    (server.home / "postgres-password").unlink()
    assert server.stop()
