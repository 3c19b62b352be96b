"""The tables of the store, the same in SQLite and PostgreSQL. Times end in their unit; texts of others are cleaned."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself in a column that is INTEGER and nothing else."""

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Numbers that grow. Who writes locks the row "seq" first and to the end: so numbers are seen in their order."""

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single texts: where the chain of the trail begins and ends."""

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("born", BigInteger, nullable=False),
    Column("sensor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("stored_ns", BigInteger, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("src_ip", Text, nullable=False),
    Column("dst_ip", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("category", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("verdict", Text, nullable=False, server_default=""),
    Column("words", Text, nullable=False),
    Index(None, "seq", unique=True),
    Index(None, "start_ns", "id"),
    Index(None, "score", "id"),
    Index(None, "source", "start_ns", "id"),
    Index(None, "category", "start_ns", "id"),
    Index(None, "incident", "start_ns", "id"),
    Index(None, "incident", "score", "id"),
    Index(None, "src_ip", "start_ns", "id"),
    Index(None, "dst_ip", "start_ns", "id"),
    Index(None, "stored_ns"),
    Index(
        "ix_alerts_said",
        "verdict",
        "start_ns",
        "id",
        sqlite_where=text("verdict <> ''"),
        postgresql_where=text("verdict <> ''"),
    ),
)
"""What alerts are searched by: narrow rows. `born` is the `seq` that an alert was given first."""

alert_records = Table(
    "alert_records",
    metadata,
    Column("alert_id", Text, ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True),
    Column("record", Text, nullable=False),
)
"""All of an alert, as JSON."""

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("born", BigInteger, nullable=False),
    Column("sensor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("stored_ns", BigInteger, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("points", Integer, nullable=False),
    Column("category", Text, nullable=False),
    Column("alerts", BigInteger, nullable=False),
    Column("first_alert", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("verdict", Text, nullable=False, server_default=""),
    Column("assignee", Text, nullable=False, server_default=""),
    Column("why", Text, nullable=False, server_default=""),
    Column("words", Text, nullable=False),
    Column("merged_into", Text, nullable=False, server_default=""),
    Index(None, "seq", unique=True),
    Index(None, "last_ns", "id"),
    Index(None, "points", "id"),
    Index(None, "source", "last_ns", "id"),
    Index(None, "first_alert"),
    Index(None, "merged_into"),
    Index(None, "stored_ns"),
)

incident_records = Table(
    "incident_records",
    metadata,
    Column("incident_id", Text, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("record", Text, nullable=False),
)

incident_hosts = Table(
    "incident_hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "incident_id"),
)

incident_notes = Table(
    "incident_notes",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("at_s", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "incident_id"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("at_s", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("pseudonyms", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("expires_s", Float),
    Column("record", Text, nullable=False),
    Index(None, "seq", unique=True),
    Index(None, "alert_id"),
)

measures = Table(
    "measures",
    metadata,
    Column("step_s", Integer, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("sensor", Text, primary_key=True),
    Column("at_s", BigInteger, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "step_s", "at_s"),
    sqlite_with_rowid=False,
)
"""A row a minute, and the same a row an hour, for long views."""

notices = Table(
    "notices",
    metadata,
    Column("id", Number, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("sensor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("began_s", Float, nullable=False),
    Column("ended_s", Float),
    Index(None, "seq", unique=True),
    Index(
        "uq_notices_open",
        "sensor",
        "source",
        "code",
        unique=True,
        sqlite_where=text("ended_s IS NULL"),
        postgresql_where=text("ended_s IS NULL"),
    ),
)

users = Table(
    "users",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    Column("locked_until_s", Float, nullable=False, server_default=text("0")),
    Column("must_change", Boolean, nullable=False, server_default=text("false")),
    Column("created_s", Float, nullable=False),
    Column("last_login_s", Float),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", Text, primary_key=True),
    Column("user_id", Number, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_s", Float, nullable=False),
    Column("expires_s", Float, nullable=False),
    Column("last_seen_s", Float, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index(None, "user_id"),
    Index(None, "expires_s"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("user_id", Number, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("scopes", Text, nullable=False, server_default="[]"),
    Column("created_s", Float, nullable=False),
    Column("expires_s", Float),
    Column("revoked_s", Float),
    Column("last_used_s", Float),
    Index(None, "user_id"),
)

links = Table(
    "links",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("user_id", Number, ForeignKey("users.id", ondelete="CASCADE")),
    Column("role", SmallInteger, nullable=False),
    Column("expires_s", Float, nullable=False),
    Column("used_s", Float),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_s", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Index(None, "who", "number"),
    Index(None, "action", "number"),
    Index(None, "at_s"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at_s", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("problem", Text, nullable=False, server_default=""),
    Column("result", Text, nullable=False, server_default="{}"),
    Index(None, "at_s", "id"),
    Index(None, "state", "at_s"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
