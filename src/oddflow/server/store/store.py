"""The store: what the service remembers of alerts and people, in SQLite or PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from oddflow.server.settings.settings import StoreSection
from oddflow.server.store import migrating, sweeping
from oddflow.server.store.accounts import Accounts
from oddflow.server.store.alerts import Alerts
from oddflow.server.store.audit import Audit
from oddflow.server.store.backup import back_up
from oddflow.server.store.browsers import Browsers
from oddflow.server.store.checking import Checked, checked
from oddflow.server.store.cursors import Cursors
from oddflow.server.store.database import Database
from oddflow.server.store.feedback import StoredFeedback
from oddflow.server.store.incidents import Incidents
from oddflow.server.store.links import Links
from oddflow.server.store.measures import Measures
from oddflow.server.store.notices import Notices
from oddflow.server.store.sessions import Sessions
from oddflow.server.store.tokens import Tokens
from oddflow.server.store.uploads import Uploads


class Store:
    """What the service remembers; each noun has its own methods.

    Threads may share one. A process that forks may, too: each has connections of its own.

    Args:
        database: Where it is.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.alerts = Alerts(database)
        self.incidents = Incidents(database)
        self.feedback = StoredFeedback(database)
        self.measures = Measures(database)
        self.notices = Notices(database)
        self.accounts = Accounts(database)
        self.links = Links(database, self.accounts)
        self.browsers = Browsers(database)
        self.sessions = Sessions(database)
        self.tokens = Tokens(database)
        self.audit = Audit(database)
        self.uploads = Uploads(database)
        self.cursors = Cursors(database)

    @classmethod
    def open(cls, url: str, *, password: str | None = None, migrate: bool = True) -> "Store":
        """Opens a store, or makes it.

        Args:
            url: sqlite:///PATH or postgresql://USER@HOST/DATABASE.
            password: Put in the URL.
            migrate: Bring its tables to what this version needs; else they must be so already.

        Raises:
            UsageError: The URL is wrong, or a newer version made the store.
            StoreDown: The database cannot be reached.
        """
        database = Database(url, password)
        try:
            if migrate:
                migrating.migrate(database)
            else:
                migrating.check_revision(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Ends all connections."""
        self.database.close()

    def check(self) -> None:
        """That the database answers.

        Raises:
            StoreDown: It does not, and what to do.
        """
        with self.database.reading() as connection:
            connection.execute(text("SELECT value FROM counters WHERE name = 'seq'")).scalar_one()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is changed within holds, or nothing where something raises.

        Raises:
            StoreDown: The database cannot be used now; nothing was changed.
        """
        with self.database.writing():
            yield

    def sweep(self, settings: StoreSection, now_s: float) -> dict[str, int]:
        """Deletes what is older than it shall be kept, a little at a time.

        Args:
            settings: How long things are kept.
            now_s: Now, in seconds since 1970 UTC.

        Returns:
            How many rows went, by table.
        """
        return sweeping.sweep(self.database, self.audit, settings, now_s)

    def inspect(self) -> Checked:
        """Whether all is as it was written; reads the whole of a file.

        Raises:
            StoreDown: The database cannot be used now.
        """
        return checked(self.database, self.audit)

    def backup(self, path: Path) -> None:
        """Copies a store in SQLite to a file, whole, while it is used.

        Raises:
            UsageError: The store is in PostgreSQL, or the file is there already.
            OutputError: It cannot be written.
        """
        back_up(self.database, path)
