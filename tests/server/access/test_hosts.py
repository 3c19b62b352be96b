"""Which hosts are ours, and whose word on an address is taken."""

import asyncio

import pytest

from oddflow.errors import UsageError
from oddflow.server.access.callers import Callers
from oddflow.server.access.hosts import Hosts
from oddflow.server.settings.settings import WebSection

PROXIED = WebSection(trusted_proxies=["127.0.0.1", "10.0.0.0/8"], public_url="https://oddflow.example.org")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.7", "192.0.2.7"),  # what the client wrote itself stands before
        ("127.0.0.1", "203.0.113.9, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, evil", "127.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str, client: str) -> None:
    assert Hosts.of(PROXIED).client(peer, forwarded) == client


@pytest.mark.parametrize(
    ("peer", "host", "proto", "scheme"),
    [
        ("127.0.0.1", "oddflow.example.org", "http", "https"),  # as the settings say
        ("127.0.0.1", "localhost", "https", "https"),
        ("192.0.2.1", "localhost", "https", "http"),
        ("127.0.0.1", "localhost", "gopher", "http"),
    ],
)
def test_https_is_what_the_settings_or_a_trusted_proxy_say(peer: str, host: str, proto: str, scheme: str) -> None:
    seen = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["scheme"])

    headers = [(b"host", host.encode()), (b"x-forwarded-proto", proto.encode())]
    scope = {"type": "http", "scheme": "http", "path": "/", "client": (peer, 1), "headers": headers}
    asyncio.run(Callers(app, Hosts.of(PROXIED))(scope, None, None))  # type: ignore[arg-type]
    assert seen == [scheme]


def test_a_path_in_the_public_url_is_refused() -> None:
    with pytest.raises(UsageError, match="public_url"):
        Hosts.of(WebSection(public_url="https://example.org/oddflow"))
