"""A PostgreSQL of our own for the tests: made in a passing folder, reached by a Unix socket alone."""

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

SETTINGS = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB",
            "max_connections=60", "max_wal_size=512MB", "autovacuum=off", "jit=off")  # fmt: skip


def programs() -> Path | None:
    """The folder of initdb and postgres, which Debian keeps out of PATH; None where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return folders[-1] if folders else Path(found).parent if found else None


@dataclass
class Cluster:
    """A server with a folder of its own; it never runs as root, which PostgreSQL refuses."""

    folder: Path
    made: int = field(default=0)

    @classmethod
    def make(cls) -> "Cluster":
        """Makes one, and starts it."""
        folder = Path(tempfile.mkdtemp(prefix="oddflow-postgres-"))
        cluster = cls(folder)
        if "user" in (who := cluster._user()):
            os.chown(folder, who["user"], who["group"])
        command = [f"{programs()}/initdb", "-D", f"{folder}/data", "-U", "oddflow", "--auth=trust", "--no-sync",
                   "--locale=C.UTF-8", "--encoding=UTF8"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60, **who)
        cluster.start()
        return cluster

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        options = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={self.folder}"))
        self._control("start", "-w", "-t", "30", "-l", f"{self.folder}/log", "-o", options)

    def stop(self) -> None:
        """Stops it; who is connected is cut off."""
        self._control("stop", "-w", "-t", "30", "-m", "fast")

    def remove(self) -> None:
        """Stops it, and leaves nothing."""
        with contextlib.suppress(subprocess.SubprocessError):  # it may be stopped already
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, template: str = "template1", words: str = "") -> str:
        """A fresh database; its name."""
        self.made += 1
        name = f"test_{os.getpid()}_{self.made}"
        with psycopg.connect(self._words("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY {words}")
        return name

    def empty(self, name: str) -> None:
        """Takes all rows out of a store, as it was when it was made."""
        with psycopg.connect(self._words(name), autocommit=True) as connection:
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN "
                "('alembic_version', 'counters', 'facts')"
            )
            tables = ", ".join(name for (name,) in found.fetchall())
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
            connection.execute("UPDATE counters SET value = 0; UPDATE facts SET value = ''")

    def drop(self, name: str) -> None:
        """Lets a database go."""
        with psycopg.connect(self._words("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """Of a database."""
        return f"postgresql://oddflow@/{name}?host={self.folder}"

    def _words(self, name: str) -> str:
        return f"host={self.folder} user=oddflow dbname={name} connect_timeout=5"

    def _control(self, *words: str) -> None:
        command = [f"{programs()}/pg_ctl", "-D", f"{self.folder}/data", *words]
        nothing = subprocess.DEVNULL  # a pipe would stay open as long as the server runs
        subprocess.run(
            command, check=True, cwd="/", timeout=60, stdin=nothing, stdout=nothing, stderr=nothing, **self._user()
        )

    @staticmethod
    def _user() -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                found = pwd.getpwnam(name)
                return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        return {}


@contextlib.contextmanager
def shared_cluster(meeting: Path) -> Iterator[Cluster]:
    """One cluster for all workers of a run, who meet in a folder; the last one removes it."""
    place, users = meeting / "postgres.folder", meeting / "postgres.users"
    with _locked(meeting):
        if place.exists():
            cluster = Cluster(Path(place.read_text()))
        else:
            cluster = Cluster.make()
            place.write_text(str(cluster.folder))
        users.write_text(str(int(users.read_text() if users.exists() else 0) + 1))
    try:
        yield cluster
    finally:
        with _locked(meeting):
            left = int(users.read_text()) - 1
            users.write_text(str(left))
            if not left:
                place.unlink()
                cluster.remove()


@contextlib.contextmanager
def _locked(meeting: Path) -> Iterator[None]:
    with (meeting / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
