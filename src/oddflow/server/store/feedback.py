"""What people said of alerts, in the store: the rules that hide and show."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from oddflow.errors import UsageError
from oddflow.server.store.database import Database
from oddflow.server.store.tables import alerts, feedback
from oddflow.server.store.texts import clean, key
from oddflow.verdicts.feedback.rule import Rule
from oddflow.verdicts.feedback.rules import MOST_RULES

VERSION = "feedback"


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule, who made it and when; seconds since 1970 UTC."""

    rule: Rule
    user: str
    at_s: float


class StoredFeedback:
    """The rules of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, rule: Rule, user: str) -> list[Rule]:
        """Adds a rule; what was said of the same alert before gives way, and rules that have expired go.

        Returns:
            Those that gave way.

        Raises:
            UsageError: There are too many.
        """
        now_s, table = time.time(), feedback.c
        with self._database.writing() as connection:
            seq = self._database.claim(connection, 2)
            connection.execute(delete(feedback).where(table.expires_s <= now_s))
            same = (table.alert_id == rule.alert_id) & (table.pseudonyms == rule.pseudonyms)
            gone = connection.execute(delete(feedback).where(same).returning(table.record)).scalars().all()
            if connection.execute(select(func.count()).select_from(feedback)).scalar_one() >= MOST_RULES:
                raise UsageError(f"there are {MOST_RULES:,} rules already; take some back, or give wider ones")
            row = {
                "id": rule.id,
                "seq": seq,
                "at_s": now_s,
                "who": clean(user),
                "alert_id": rule.alert_id,
                "pseudonyms": rule.pseudonyms,
                "verdict": rule.verdict.value,
                "expires_s": None if rule.expires is None else rule.expires.timestamp(),
                "record": clean(rule.model_dump_json(), 1 << 20),
            }
            connection.execute(insert(feedback), row)
            _say(connection, rule.alert_id, rule.verdict.value, seq + 1)
            self._database.claim(connection, 1, VERSION)
        return [Rule.model_validate_json(record) for record in gone]

    def remove(self, rule_id: str, user: str) -> Rule:  # noqa: ARG002  (the trail has who)
        """Takes a rule back.

        Raises:
            UsageError: There is none of that id.
        """
        name = key(rule_id)
        with self._database.writing() as connection:
            seq = self._database.claim(connection, 1)
            statement = delete(feedback).where(feedback.c.id == name).returning(feedback.c.record)
            record = connection.execute(statement).scalar()
            if record is None:
                raise UsageError(f"there is no rule {name[:80]!r}; it may have been taken back")
            rule = Rule.model_validate_json(record)
            _say(connection, rule.alert_id, "", seq)
            self._database.claim(connection, 1, VERSION)
        return rule

    def rules(self) -> list[StoredRule]:
        """All rules, the oldest first; of those that have expired, some may still be there."""
        table = feedback.c
        with self._database.reading() as connection:
            rows = connection.execute(select(table.record, table.who, table.at_s).order_by(table.seq)).all()
        return [StoredRule(Rule.model_validate_json(row.record), row.who, row.at_s) for row in rows]

    def version(self) -> int:
        """Another number after each change."""
        return self._database.counter(VERSION)


def _say(connection: Connection, alert_id: str, verdict: str, seq: int) -> None:
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(verdict=verdict, seq=seq))
