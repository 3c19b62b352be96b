"""What can be asked of a flow: every scalar column of the flow record, and what people call things."""

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from oddflow.schema import COLUMNS


class FieldKind(StrEnum):
    """How a field's values are typed and compared."""

    ADDRESS = "address"
    PORT = "port"
    PROTOCOL = "protocol"
    NUMBER = "number"
    SIZE = "size"
    DURATION = "duration"
    TIME = "time"
    TEXT = "text"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """Something that can be asked.

    Attributes:
        name: As it is typed.
        kind: How its values are typed and compared.
        sql: One expression, or two where either end may be meant.
        cast: The type that a value is given in SQL, so that groups of rows can be passed over.
        meaning: In words.
        floor: In SQL, what sorts where there is no value: before all.
    """

    name: str
    kind: FieldKind
    sql: tuple[str, ...]
    cast: str
    meaning: str

    @property
    def sorts(self) -> str:
        """What it is sorted by, never null."""
        first = self.sql[0]
        match self.kind:
            case FieldKind.TEXT | FieldKind.ADDRESS:
                return f"coalesce({first}, '')"
            case FieldKind.TIME:
                return f"epoch_ns({first})"
            case FieldKind.FLAG:
                return f"coalesce({first}, false)"
        return f"coalesce({first}::DOUBLE, -1e308)"


_SQL_TYPES = {
    pa.uint8(): "UTINYINT", pa.uint16(): "USMALLINT", pa.uint32(): "UINTEGER", pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT", pa.float64(): "DOUBLE", pa.string(): "VARCHAR", pa.bool_(): "BOOLEAN",
}  # fmt: skip
_NS_TIME = "TIMESTAMPTZ_NS"


def _of_columns() -> dict[str, Field]:
    fields = {}
    for column in COLUMNS:
        sql = (f'"{column.name}"',)
        if column.name.endswith("_ip"):
            fields[column.name] = Field(column.name, FieldKind.ADDRESS, sql, "VARCHAR", column.meaning)
        elif column.name in {"src_port", "dst_port"}:
            fields[column.name] = Field(column.name, FieldKind.PORT, sql, "USMALLINT", column.meaning)
        elif column.name == "protocol":
            fields[column.name] = Field(column.name, FieldKind.PROTOCOL, sql, "UTINYINT", column.meaning)
        elif pa.types.is_timestamp(column.type):
            fields[column.name] = Field(column.name, FieldKind.TIME, sql, _NS_TIME, column.meaning)
        elif column.type in _SQL_TYPES:
            kind = {
                "VARCHAR": FieldKind.TEXT,
                "BOOLEAN": FieldKind.FLAG,
            }.get(_SQL_TYPES[column.type], FieldKind.SIZE if column.unit == "bytes" else FieldKind.NUMBER)
            fields[column.name] = Field(column.name, kind, sql, _SQL_TYPES[column.type], column.meaning)
    return fields


def _both(what: str) -> tuple[str, ...]:
    return (f"(coalesce(forward_{what}, 0)::DOUBLE + coalesce(reverse_{what}, 0)::DOUBLE)",)


_OF_PEOPLE = (
    Field("ip", FieldKind.ADDRESS, ("src_ip", "dst_ip"), "VARCHAR", "address of either end"),
    Field("port", FieldKind.PORT, ("src_port", "dst_port"), "USMALLINT", "port of either end"),
    Field("bytes", FieldKind.SIZE, _both("bytes"), "DOUBLE", "bytes of both directions"),
    Field("packets", FieldKind.NUMBER, _both("packets"), "DOUBLE", "packets of both directions"),
    Field("sent", FieldKind.SIZE, ("forward_bytes",), "UBIGINT", "bytes from the initiator"),
    Field("received", FieldKind.SIZE, ("reverse_bytes",), "UBIGINT", "bytes to the initiator"),
    Field(
        "duration", FieldKind.DURATION, ('((epoch_ns("end")::DOUBLE - epoch_ns("start")::DOUBLE) / 1e9)',), "DOUBLE",
        "from the first packet to the last",
    ),
    Field("time", FieldKind.TIME, ('"end"',), _NS_TIME, "when it ended: that is when a flow counts"),
    Field("score", FieldKind.NUMBER, ("score",), "FLOAT", "how odd the model finds it; higher is odder"),
    Field("alert", FieldKind.FLAG, ("is_alert",), "BOOLEAN", "whether its score was over the threshold"),
    Field("source", FieldKind.TEXT, ("source",), "VARCHAR", "the source of the service that it came from"),
    Field(
        "service", FieldKind.TEXT, ("coalesce(app_by_signature, app_by_port)",), "VARCHAR",
        "what its first bytes look like, else what its port is registered for",
    ),
    Field(
        "name", FieldKind.TEXT, ("tls_sni", "http_host", "dns_query"), "VARCHAR",
        "the name that was asked for, by TLS, HTTP or DNS",
    ),
)  # fmt: skip

FIELDS: dict[str, Field] = {field.name: field for field in _OF_PEOPLE} | _of_columns()
"""By name."""

ALIASES = {
    "src": "src_ip", "dst": "dst_ip", "host": "ip", "address": "ip", "sport": "src_port", "dport": "dst_port",
    "proto": "protocol", "sni": "tls_sni", "is_alert": "alert", "app": "service", "bytes_out": "sent",
    "bytes_in": "received",
}  # fmt: skip
"""Other names for some of them."""


def field_named(name: str) -> Field | None:
    """The field of this name, in any case."""
    lower = name.lower()
    return FIELDS.get(ALIASES.get(lower, lower))
