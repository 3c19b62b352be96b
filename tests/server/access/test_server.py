"""The real HTTP server: TLS, and clients that are slow or send too much on purpose."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme
import uvicorn

from oddflow.errors import UsageError
from oddflow.server.access import protocol
from oddflow.server.access import server_options as options
from oddflow.server.access.server_options import MOST_HEAD_BYTES, server_options
from oddflow.server.access.tls import server_context
from oddflow.server.settings.settings import WebSection
from tests.server.access.conftest import PASSWORD, Door


@asynccontextmanager
async def served(app: object, web: WebSection) -> AsyncIterator[int]:
    """The application behind the server that the service runs; its port."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", **server_options(web, server_context(web)))  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield port
        finally:
            server.should_exit = True
            await running


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def with_tls(authority: trustme.CA, tmp_path: Path) -> WebSection:
    made = authority.issue_cert("localhost")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    key.chmod(0o600)
    return WebSection(tls_certificate=certificate, tls_key=key)


def trusting(authority: trustme.CA, most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.maximum_version = most
    return context


def test_tls_is_spoken_from_1_2_on_and_cookies_are_kept_to_it(
    door: Door, with_tls: WebSection, authority: trustme.CA
) -> None:
    door.account("ada")

    async def over_tls() -> None:
        async with served(door.app, with_tls) as port:
            for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                async with httpx.AsyncClient(verify=trusting(authority, most)) as client:
                    url = f"https://localhost:{port}"
                    answer = await client.post(f"{url}/login", data={"name": "ada", "password": PASSWORD})
                    assert answer.status_code == 303
                    assert answer.headers["strict-transport-security"].startswith("max-age=")
                    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-oddflow="))
                    assert "Secure" in cookie
                    assert "Path=/;" in cookie
                    assert (await client.get(f"{url}/api/v1/things")).json() == "ada"
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers("AES256-SHA")  # no forward secrecy
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection("127.0.0.1", port, ssl=old)

    asyncio.run(over_tls())


def spoiled_key(web: WebSection, tmp_path: Path) -> WebSection:
    key = tmp_path / "other.pem"
    key.write_bytes(trustme.CA().issue_cert("localhost").private_key_pem.bytes())
    key.chmod(0o600)
    return web.model_copy(update={"tls_key": key})


def open_key(web: WebSection, tmp_path: Path) -> WebSection:
    assert web.tls_key is not None
    web.tls_key.chmod(0o644)
    return web


def no_key(web: WebSection, tmp_path: Path) -> WebSection:
    return web.model_copy(update={"tls_key": tmp_path / "missing.pem"})


def no_certificate(web: WebSection, tmp_path: Path) -> WebSection:
    return web.model_copy(update={"tls_certificate": tmp_path / "missing.pem"})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(spoiled_key, "no certificate and its key"), (open_key, "everybody may read"), (no_key, "missing.pem"),
     (no_certificate, "missing.pem")],
)  # fmt: skip
def test_a_certificate_that_cannot_be_is_told(
    with_tls: WebSection, tmp_path: Path, spoil: Callable[[WebSection, Path], WebSection], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        server_context(spoil(with_tls, tmp_path))


@pytest.mark.parametrize("listen", ["0.0.0.0:8470", "192.0.2.1:8470", "[::]:8470", "sensor.example:8470"])
def test_plain_http_is_for_this_machine_unless_it_is_asked_for(listen: str) -> None:
    with pytest.raises(UsageError, match="plain text"):
        server_context(WebSection(listen=listen))
    assert server_context(WebSection(listen=listen, allow_plain=True)) is None
    assert server_context(WebSection(listen="127.0.0.1:8470")) is None


async def sent(port: int, *pieces: bytes) -> bytes:
    """What comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    answer = b""
    try:
        while more := await reader.read(4_096):
            answer += more
    except ConnectionError:
        pass
    writer.close()
    return answer


def test_heads_that_trickle_or_never_end_are_cut_off(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)
    monkeypatch.setattr(options, "IDLE_S", 0.1)

    async def slowly() -> None:
        async with served(door.app, WebSection()) as port:
            assert await sent(port) == b""
            assert await sent(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ") == b""
            whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            answer = await sent(port, whole, b"GET / HTTP/1.1\r\n")
            assert answer.startswith(b"HTTP/1.1 404")  # the probe has no such route; it is answered, the rest cut off
            assert answer.count(b"HTTP/1.1") == 1
            long = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (MOST_HEAD_BYTES + 1)
            assert (await sent(port, long)).startswith(b"HTTP/1.1 400")

    asyncio.run(slowly())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
    ],
)
def test_requests_that_may_be_read_in_two_ways_are_refused(door: Door, request_bytes: bytes) -> None:
    async def ambiguous() -> bytes:
        async with served(door.app, WebSection()) as port:
            return await asyncio.wait_for(sent(port, request_bytes), 20)

    assert asyncio.run(ambiguous()).startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))


def test_one_address_holds_a_bounded_number_of_connections(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "is_loopback", lambda _: False)
    monkeypatch.setattr(protocol, "MOST_OF_ONE", 3)

    async def flood() -> bytes:
        async with served(door.app, WebSection()) as port:
            pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            last = await pairs[3][0].read()
            for _, writer in pairs:
                writer.close()
            return last

    assert asyncio.run(asyncio.wait_for(flood(), 20)) == b""
