"""Whether a store is whole: its file, and the trail of changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from oddflow.server.store.audit import Audit
from oddflow.server.store.database import Database
from oddflow.server.store.tables import alerts, audit, feedback, incidents, users

COUNTED = (alerts, incidents, feedback, users, audit)
MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class Checked:
    """How a store is.

    Attributes:
        where: The file, or the URL without its password.
        rows: Of what a person asks for, by table.
        last: The hash of the trail's last row.
        problems: What is not as it was written, in words.
    """

    where: str
    rows: dict[str, int]
    last: str
    problems: Sequence[str]


def checked(database: Database, trail: Audit) -> Checked:
    """Reads all of a file in SQLite, and the whole trail."""
    problems: list[str] = []
    with database.reading() as connection:
        if database.is_sqlite:
            found = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_TOLD})").scalars().all()
            problems += [f"the file is damaged: {told}" for told in found if told != "ok"]
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in COUNTED
        }
    verified = trail.verify()
    if verified.problem:
        problems.append(f"the trail is not as it was written: {verified.problem}")
    return Checked(database.where, rows, verified.last, problems)
