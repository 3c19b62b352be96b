"""A field, an operator and values, as SQL."""

import ipaddress
import re
from typing import Any

from oddflow.schema import PROTOCOL_NAMES
from oddflow.server.flowstore.amounts import NUMBERS, SIZES, amount, duration_s, network, time_ns
from oddflow.server.flowstore.condition import Condition, either
from oddflow.server.flowstore.fields import Field, FieldKind

RANGE = ".."
PROTOCOL_NUMBERS = {name: number for number, name in PROTOCOL_NAMES.items()} | {"icmpv6": 58, "ipv6-icmp": 58}
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
GREATEST = {"UTINYINT": 0xFF, "USMALLINT": 0xFFFF, "UINTEGER": 0xFFFF_FFFF, "UBIGINT": 0xFFFF_FFFF_FFFF_FFFF}
EXPECTED = {
    FieldKind.ADDRESS: "an address like 10.0.0.5 or fd00::5, or a network like 10.0.0.0/8",
    FieldKind.PORT: "a port, 0 to 65535, or a range like 8000..8100",
    FieldKind.PROTOCOL: "a protocol like tcp, udp, icmp or arp, or its number",
    FieldKind.NUMBER: "a number like 3, 0.5 or 10k",
    FieldKind.SIZE: "a size like 1500, 10MB or 2GiB",
    FieldKind.DURATION: "a duration like 250ms, 5m or 1h30m",
    FieldKind.TIME: "a time like 2026-11-21T14:00, 14:00, today or yesterday",
    FieldKind.TEXT: 'a text, in quotes where it holds a space: "curl 8"',
    FieldKind.FLAG: "true or false",
}
ORDERED = frozenset({"<", "<=", ">", ">="})
HAS_ORDER = frozenset(FieldKind) - {FieldKind.TEXT, FieldKind.FLAG, FieldKind.PROTOCOL}
_ARP = Condition("(ip_version = 0)")


class WrongValue(Exception):
    """A value that its field cannot have; the message says what was expected."""


def compared(field: Field, operator: str, text: str, now_ns: int) -> Condition:
    """One comparison; `operator` is one of =, !=, <, <=, >, >=.

    Raises:
        WrongValue: The value is none of this field, or the field has no order.
    """
    if operator == "!=":
        return _none(compared(field, "=", text, now_ns))
    if operator in ORDERED and field.kind not in HAS_ORDER:
        raise WrongValue(f"{field.name} has no order; expected =, != or in")
    if operator == "=":
        return _is(field, text, now_ns)
    if field.kind == FieldKind.ADDRESS:
        value = _key(_address(text))
        return either([Condition(f"({_key_column(sql)} {operator} ?)", (value,)) for sql in field.sql if _kept(sql)])
    value, cast = _value(field, text, now_ns)
    return either([Condition(f"({sql} {operator} {cast})", (value,)) for sql in field.sql])


def spread(field: Field, low: str, high: str, now_ns: int) -> Condition:
    """From one value to another, both included.

    Raises:
        WrongValue: A value is none of this field, or the field has no order.
    """
    if field.kind not in HAS_ORDER:
        raise WrongValue(f"{field.name} has no order; expected =, != or in")
    if field.kind == FieldKind.ADDRESS:
        return _between_keys(field, _address(low), _address(high))
    (least, cast), (most, _) = _value(field, low, now_ns), _value(field, high, now_ns)
    return either([Condition(f"({sql} BETWEEN {cast} AND {cast})", (least, most)) for sql in field.sql])


def contains(field: Field, text: str) -> Condition:
    """Whether a text holds another, in any case."""
    _texts_only(field, "contains")
    return either([Condition(f"contains(lower({sql}), ?)", (text.lower(),)) for sql in field.sql])


def like(field: Field, pattern: str) -> Condition:
    """Whether a text has a form: % stands for any characters, _ for one; in any case."""
    _texts_only(field, "like")
    return either([Condition(f"({sql} ILIKE ?)", (re.sub("%%+", "%", pattern),)) for sql in field.sql])


def known(field: Field) -> Condition:
    """Whether the source could tell."""
    return either([Condition(f"({sql} IS NOT NULL)") for sql in field.sql])


def flag(field: Field) -> Condition:
    """A flag by its name alone.

    Raises:
        WrongValue: The field is none.
    """
    if field.kind != FieldKind.FLAG:
        raise WrongValue(f"expected an operator after {field.name}: =, !=, <, >, in, between, contains or like")
    return Condition(f"({field.sql[0]} IS TRUE)")


def address_alone(text: str) -> bool:
    """Whether a word by itself is an address or a network: either end may have it."""
    return ("." in text or ":" in text) and network(text) is not None


def _is(field: Field, text: str, now_ns: int) -> Condition:
    if RANGE in text and field.kind in HAS_ORDER:
        low, _, high = text.partition(RANGE)
        return spread(field, low, high, now_ns)
    if field.kind == FieldKind.PROTOCOL and text.lower() == "arp":
        return _ARP
    if field.kind == FieldKind.ADDRESS:
        return _in_network(field, text)
    value, cast = _value(field, text, now_ns)
    sources = frozenset({text}) if field.name == "source" else None
    return either([Condition(f"({sql} = {cast})", (value,), sources) for sql in field.sql])


def _in_network(field: Field, text: str) -> Condition:
    found = network(text)
    if found is None:
        raise WrongValue(f"expected {EXPECTED[FieldKind.ADDRESS]} for {field.name}; got {_shown(text)}")
    if found.num_addresses > 1:
        return _between_keys(field, found.network_address, found.broadcast_address)
    address = str(found.network_address)
    hosts = frozenset({address}) if all(_kept(sql) for sql in field.sql) else None
    return either([Condition(f"({sql} = ?)", (address,), None, hosts) for sql in field.sql])


def _between_keys(
    field: Field,
    low: ipaddress.IPv4Address | ipaddress.IPv6Address,
    high: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> Condition:
    if low.version != high.version:
        raise WrongValue(f"{low} and {high} are addresses of two IP versions; expected one")
    if not all(_kept(sql) for sql in field.sql):
        raise WrongValue(f"{field.name} can be asked for one address only; expected {field.name} = 10.0.0.5")
    values = (_key(low), _key(high))
    return either([Condition(f"({_key_column(sql)} BETWEEN ? AND ?)", values) for sql in field.sql])


def _kept(sql: str) -> bool:
    """Whether there is a column by which addresses can be put in order."""
    return sql.strip('"') in {"src_ip", "dst_ip"}


def _key_column(sql: str) -> str:
    return {"src_ip": "src_key", "dst_ip": "dst_key"}[sql.strip('"')]


def _key(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise WrongValue(f"expected an address; got {_shown(text)}") from None


def _value(field: Field, text: str, now_ns: int) -> tuple[Any, str]:
    """A value and how SQL takes it."""
    value: Any = None
    cast = f"?::{field.cast}"
    match field.kind:
        case FieldKind.PORT | FieldKind.NUMBER:
            value = amount(text, NUMBERS)
        case FieldKind.SIZE:
            value = amount(text, SIZES)
        case FieldKind.PROTOCOL:
            value = PROTOCOL_NUMBERS.get(text.lower(), amount(text, {"": 1}))
        case FieldKind.DURATION:
            value = duration_s(text)
        case FieldKind.TIME:
            value, cast = time_ns(text, now_ns), "make_timestamp_ns(?)::TIMESTAMPTZ_NS"
        case FieldKind.FLAG:
            value = FLAGS.get(text.lower())
        case _:
            value = text
    if value is None:
        raise WrongValue(f"expected {EXPECTED[field.kind]} for {field.name}; got {_shown(text)}")
    if field.cast in GREATEST:
        whole = isinstance(value, int) and 0 <= value <= GREATEST[field.cast]
        if field.kind in {FieldKind.PORT, FieldKind.PROTOCOL} and not whole:
            raise WrongValue(f"expected {EXPECTED[field.kind]} for {field.name}; got {_shown(text)}")
        if not whole:  # compared as it is: nothing is equal to it, and all is more or less
            return float(value), "?::DOUBLE"
    return value, cast


def _texts_only(field: Field, operator: str) -> None:
    if field.kind not in {FieldKind.TEXT, FieldKind.ADDRESS}:
        raise WrongValue(f"{operator} goes with texts; {field.name} is {_a(field.kind)}")


def _none(part: Condition) -> Condition:
    return Condition(f"({part.sql} IS NOT TRUE)", part.values)


def _a(kind: FieldKind) -> str:
    return f"{'an' if kind == FieldKind.ADDRESS else 'a'} {kind}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
