"""Which names this service answers to, and from where a request really comes."""

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from oddflow.errors import UsageError
from oddflow.server.settings.address import host_and_port
from oddflow.server.settings.settings import WebSection

LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def base_url(web: WebSection) -> str:
    """How people reach the service, without a slash at the end.

    >>> base_url(WebSection()), base_url(WebSection(public_url="https://oddflow.example.org/"))
    ('http://127.0.0.1:8470', 'https://oddflow.example.org')
    """
    if web.public_url:
        return web.public_url.rstrip("/")
    host, port = host_and_port(web.listen)
    address = _address(host)
    if address is not None and address.is_unspecified:
        host = "localhost"
    elif address is not None and address.version == 6:
        host = f"[{host}]"
    return f"{'https' if web.tls_certificate else 'http'}://{host}:{port}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """What may stand in a Host header, and which proxies are believed.

    A page of another site may give its own name this machine's address (DNS rebinding); it cannot give a name of ours,
    nor an address. So addresses are answered, and of names those of this machine and of `public_url`.

    Attributes:
        names: Lower-case.
        public: Name and port of `public_url`, as browsers send it; empty where there is none.
        public_https: Whether people reach it by https.
        proxies: Whose X-Forwarded-For and X-Forwarded-Proto are believed.
    """

    names: frozenset[str]
    public: str = ""
    public_https: bool = False
    proxies: tuple[Network, ...] = ()

    @classmethod
    def of(cls, web: WebSection) -> Self:
        """Of the settings.

        Raises:
            UsageError: `public_url` is no URL of this service, or a proxy is no address.
        """
        host, _ = host_and_port(web.listen)
        names = set(LOCAL_NAMES)
        if _address(host) is None:
            names.add(host.lower())
        public = urlsplit(web.public_url)
        if web.public_url and (public.scheme not in {"http", "https"} or not public.hostname or public.path.strip("/")):
            raise UsageError(
                f"[web] public_url: {web.public_url} is not like https://oddflow.example.org, without a path"
            )
        if public.hostname:
            names.add(public.hostname.lower())
        return cls(
            frozenset(names),
            public.netloc.lower(),
            public.scheme == "https",
            tuple(_network(proxy) for proxy in web.trusted_proxies),
        )

    def known(self, header: str) -> bool:
        """Whether a Host header names this service.

        >>> hosts = Hosts(frozenset({"localhost"}))
        >>> [hosts.known(name) for name in ("localhost:8470", "192.0.2.1:8470", "[::1]:8470", "evil.example", "")]
        [True, True, True, False, False]
        """
        name = host_of(header)
        return name is not None and (name in self.names or _address(name) is not None)

    def trusts(self, address: str) -> bool:
        """Whether an address is a proxy that is believed."""
        found = _address(address)
        return found is not None and any(found in network for network in self.proxies)

    def client(self, peer: str, forwarded: str) -> str:
        """The address that a request comes from: the last one in X-Forwarded-For that is no proxy of ours.

        Args:
            peer: The other end of the connection.
            forwarded: The header; whoever sends it may have written anything but what our proxies put at its end.
        """
        address = peer
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()][-32:]):
            if not self.trusts(address) or _address(hop) is None:
                break
            address = hop
        return address


def host_of(header: str) -> str | None:
    """The name or address in a Host header, lower-case and without the port; None where it is none.

    >>> host_of("Sensor.example:8470"), host_of("[::1]:8470"), host_of("a@b")
    ('sensor.example', '::1', None)
    """
    text = header.strip().lower()
    if text.startswith("["):
        name, closed, rest = text[1:].partition("]")
        return name if closed and (not rest or (rest[0] == ":" and rest[1:].isdecimal())) else None
    name, colon, port = text.partition(":")
    if (
        not name
        or (colon and not port.isdecimal())
        or not all(c.isascii() and (c.isalnum() or c in ".-_") for c in name)
    ):
        return None
    return name.rstrip(".")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UsageError(f"[web] trusted_proxies: {text} is no address or network, such as 192.0.2.1") from None
