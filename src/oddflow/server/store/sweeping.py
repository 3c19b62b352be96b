"""Lets go what was kept long enough, in transactions so small that writers hardly wait."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Table, delete, or_, select, tuple_

from oddflow.server.settings.settings import StoreSection
from oddflow.server.store.audit import Audit
from oddflow.server.store.database import Database
from oddflow.server.store.tables import alerts, feedback, incidents, links, measures, notices, sessions, tokens

AT_ONCE = 1_000
DAY_S = 86_400.0
KEPT_TOKENS_S = 30 * DAY_S
"""So long after its end a token is still listed."""


def sweep(database: Database, audit: Audit, settings: StoreSection, now_s: float) -> dict[str, int]:
    """See `Store.sweep`."""
    gone = {table.name: _emptied(database, table, is_old) for table, is_old in _old(settings, now_s)}
    gone["audit"] = 0
    while removed := audit.remove_before(now_s - settings.keep_audit_days * DAY_S, AT_ONCE):
        gone["audit"] += removed
    if database.is_sqlite:
        with database.reading() as connection:
            connection.exec_driver_sql("PRAGMA optimize")
    return gone


def _old(settings: StoreSection, now_s: float) -> Sequence[tuple[Table, ColumnElement[bool]]]:
    kept_ns = round((now_s - settings.keep_alerts_days * DAY_S) * 1e9)
    kept_tokens_s = now_s - KEPT_TOKENS_S
    return (
        (alerts, alerts.c.stored_ns < kept_ns),
        (incidents, incidents.c.stored_ns < kept_ns),
        (feedback, feedback.c.expires_s <= now_s),
        (measures, measures.c.at_s < now_s - settings.keep_measures_days * DAY_S),
        (notices, notices.c.ended_s < now_s - settings.keep_alerts_days * DAY_S),
        (sessions, sessions.c.expires_s <= now_s),
        (links, or_(links.c.expires_s <= now_s, links.c.used_s.is_not(None))),
        (tokens, or_(tokens.c.expires_s < kept_tokens_s, tokens.c.revoked_s < kept_tokens_s)),
    )


def _emptied(database: Database, table: Table, is_old: ColumnElement[bool]) -> int:
    """Deletes rows, some a transaction; gives how many."""
    key, gone = tuple_(*table.primary_key.columns), 0
    while True:
        with database.writing() as connection:
            rows = connection.execute(select(*table.primary_key.columns).where(is_old).limit(AT_ONCE)).all()
            if rows:
                connection.execute(delete(table).where(key.in_([tuple(row) for row in rows])))
        gone += len(rows)
        if len(rows) < AT_ONCE:
            return gone
