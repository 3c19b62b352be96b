"""Values and reasons in words."""

import math
from collections.abc import Callable, Collection

from oddflow.amounts import seconds, size
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.features.homes import ROLES
from oddflow.features.kind import OUTCOMES
from oddflow.features.tokens import character
from oddflow.schema import PROTOCOL_NAMES, protocol_name


def service(value: float) -> str:
    """A service number, protocol × 65536 + port or ICMP type, as people write it.

    >>> service(6 * 65536 + 22), service(1 * 65536 + 8)
    ('tcp/22', 'icmp type 8')
    """
    protocol, port = divmod(int(value), 65_536)
    name = protocol_name(protocol)
    if protocol in (1, 58):
        return f"{name} type {port}"
    return f"{name}/{port}" if protocol in (6, 17, 33, 132, 136) else name


def service_number(words: str, known: Collection[float] = ()) -> float:
    """What `service` writes, or a person in short: "tcp/443", "icmp/8", "icmp type 8", "443" (TCP, or else UDP).

    Args:
        words: A protocol by name or number, and a port or an ICMP type.
        known: Of TCP and UDP, a port alone means the one that is known.

    Raises:
        UsageError: They name no service.

    >>> service_number("tcp/22"), service_number("icmp type 8"), service_number("53", known=[17 * 65536 + 53])
    (393238.0, 65544.0, 1114165.0)
    """
    numbers = {name: number for number, name in PROTOCOL_NAMES.items()}
    before, _, last = words.replace(" type ", "/").strip().lower().rpartition("/")
    if last in numbers and not before:
        return numbers[last] * 65_536.0
    if not (last.isascii() and last.isdigit() and len(last) <= 5 and int(last) < 65_536 and before in {"", *numbers}):
        raise UsageError(f"{words!r} names no service; write one like tcp/443, udp/53, icmp/8 or 443")
    found = [numbers[name] * 65_536.0 + int(last) for name in ([before] if before else ["tcp", "udp"])]
    return next((number for number in found if number in known), found[0])


CATEGORIES: dict[str, Callable[[float], str]] = {
    "service": service,
    "outcome": lambda value: OUTCOMES.get(int(value), f"{value:g}"),
    "role": lambda value: ROLES.get(int(value), f"{value:g}"),
}


def amount(value: float, feature: Feature) -> str:
    """A feature's value as a person would write it."""
    if feature.scale is Scale.CATEGORY:
        name = character if feature.unit == "character" else CATEGORIES.get(feature.name)
        return name(value) if name else f"{value:g}"
    if feature.unit == "bytes":
        return size(value)
    if feature.unit == "byte":
        return f"0x{round(min(max(value, 0.0), 1.0) * 255):02x}"
    if feature.unit == "s":
        return seconds(value)
    if feature.unit == "bytes/s":
        return f"{size(value)}/s"
    if feature.unit == "packets/s":
        return f"{value:,.3g} packets/s" if value < 1000 else f"{value:,.0f} packets/s"
    if feature.unit:
        whole = math.isclose(value, round(value))
        return f"{value:,.0f}" if whole else f"{value:.3g} {feature.unit}"
    return f"{value:.2f}"


def said(value: float, feature: Feature) -> str:
    """What a feature's value means: "398 different ports on one host in 9 s"."""
    return feature.words.replace("{value}", amount(value, feature))


def sentence(value: float, feature: Feature, low: float, high: float, *, where: str = "normal here") -> str:
    """What a feature says of a flow, beside what is normal.

    Args:
        value: The flow's value.
        feature: What it means.
        low: What 1 in 1,000 normal flows stay under.
        high: The greatest value among normal flows.
        where: Whose normal that is, in words.
    """
    told = said(value, feature)
    if feature.scale is Scale.CATEGORY:
        known = low <= value <= high
        return f"{told}, " + ("which does not fit the rest of the flow" if known else "never seen in the baseline")
    if value > high:
        return f"{told}; {where}: at most {amount(high, feature)}"
    if value < low:
        return f"{told}; {where}: at least {amount(low, feature)}"
    return f"{told}; {where}, but not with the rest of the flow"
