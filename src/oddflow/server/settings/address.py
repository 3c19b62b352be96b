"""Addresses as people write them in the settings: HOST:PORT, networks, the URL that people come by."""

import ipaddress
import re
from urllib.parse import urlsplit

MOST_PORT = 65_535
_HOST_AND_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]/]+)):(\d{1,5})")


def host_and_port(text: str) -> tuple[str, int]:
    """Takes HOST:PORT apart; an IPv6 address stands in brackets.

    Raises:
        ValueError: It is none.

    >>> host_and_port("127.0.0.1:8470"), host_and_port("[::1]:443")
    (('127.0.0.1', 8470), ('::1', 443))
    """
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not 0 < int(match[3]) <= MOST_PORT:
        raise ValueError(f"expected HOST:PORT, like 127.0.0.1:8470 or [::1]:8470, with a port from 1 to {MOST_PORT:,}")
    return match[1] or match[2], int(match[3])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_address(text: str) -> str:
    """The same HOST:PORT; raises ValueError where it is none."""
    host_and_port(text)
    return text


def checked_network(text: str) -> str:
    """The same address or network; raises ValueError where it is none."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("expected an address or a network, like 10.0.0.0/8 or 2001:db8::/32") from None
    return text


def checked_url(text: str) -> str:
    """The same http or https URL, or nothing; raises ValueError where it is neither."""
    if not text:
        return text
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.username or parts.query or parts.fragment:
        raise ValueError("expected a URL like https://oddflow.example.org, without user, query or fragment")
    return text
