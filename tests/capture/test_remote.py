"""Sources by URL: a real HTTP server on this machine, with and without ranges, that fails in all ways."""

import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis.strategies import from_regex
from tests.capture.build import ether, ipv4, pcap, udp

from oddflow.capture import remote
from oddflow.capture.reader import packets
from oddflow.capture.remote import is_url, local_path, shown
from oddflow.errors import Unreadable, UsageError
from oddflow.losses import Ledger

fsspec = pytest.importorskip("fsspec", reason="fsspec is an extra")
pytest.importorskip("aiohttp", reason="aiohttp is an extra")

FRAME = ether(ipv4(udp(b"x" * 400)))
COUNT = 3000
CAPTURE = pcap([(at, 0, FRAME) for at in range(COUNT)])


class Handler(BaseHTTPRequestHandler):
    """What the path asks for: /ranges, /plain, /early (closes in the middle), /unsized, /absent, /denied, /silent."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(send=False)

    def do_GET(self):
        self.answer(send=True)

    def answer(self, *, send):
        kind = self.path.split("?")[0].strip("/").split(".")[0]
        self.server.asked.append(
            (self.command, self.path, self.headers.get("Range"), self.headers.get("Authorization"))
        )
        if kind in {"absent", "denied"}:
            self.send_response(404 if kind == "absent" else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data, status = CAPTURE, 200
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted and kind in {"ranges", "early"}:
            end = int(wanted[2]) + 1 if wanted[2] else len(CAPTURE)
            data, status = CAPTURE[int(wanted[1]) : end], 206
        self.send_response(status)
        if kind in {"ranges", "early"}:
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {wanted[1]}-{int(wanted[1]) + len(data) - 1}/{len(CAPTURE)}")
        if kind == "unsized":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if send and kind in {"early", "cut"}:
            for at in range(0, len(data) // 3, 50_000):  # what came last is lost with the connection
                self.wfile.write(data[at : min(at + 50_000, len(data) // 3)])
                self.wfile.flush()
                time.sleep(0.05)
            self.close_connection = True
        elif send and kind == "silent":
            self.wfile.write(data[:5000])
            self.wfile.flush()
            self.server.over.wait(60)
        elif send:
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    """A server on this machine; `asked` holds what it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.over, server.daemon_threads = [], threading.Event(), True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def url(server, path, user=""):
    return f"http://{user}127.0.0.1:{server.server_port}/{path}"


def count(source):
    ledger = Ledger()
    return sum(batch.count for batch in packets(source, ledger)), ledger


@pytest.mark.parametrize("kind", ["ranges", "plain", "unsized"])
def test_a_capture_is_read_from_a_server_with_ranges_or_without(server, kind):
    assert count(url(server, f"{kind}.pcap"))[0] == COUNT


def test_a_capture_is_asked_for_once(server):
    server.asked.clear()
    count(url(server, "ranges.pcap"))
    assert [command for command, *_ in server.asked].count("GET") == 1


@pytest.mark.parametrize("kind", ["early", "cut"])
def test_a_server_that_closes_early_is_a_damage(server, kind):
    found, ledger = count(url(server, f"{kind}.pcap"))
    assert COUNT // 5 < found < COUNT // 3
    assert ledger.metered == found
    assert any("the connection broke" in damage for damage in ledger.damages)


def test_a_server_that_falls_silent_is_given_up(server, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE_TIMEOUT_S", 0.5)
    fsspec.get_filesystem_class("http").clear_instance_cache()
    found, ledger = count(url(server, "silent.pcap"))
    assert found < COUNT
    assert ledger.damages


@pytest.mark.parametrize(("path", "why"), [("absent", "does not exist"), ("denied", "403")])
def test_what_a_server_refuses_is_told_without_secrets(server, path, why):
    source = url(server, f"{path}?token=hush", user="ann:secret@")
    with pytest.raises(Unreadable, match=why) as caught:
        count(source)
    assert "secret" not in str(caught.value)
    assert "hush" not in str(caught.value)
    assert f"127.0.0.1:{server.server_port}/{path}?…" in str(caught.value)


def test_user_and_password_reach_the_server(server):
    server.asked.clear()
    count(url(server, "plain.pcap", user="ann:secret@"))
    assert any(authorization == "Basic YW5uOnNlY3JldA==" for *_, authorization in server.asked)


def test_damage_is_told_without_secrets(server):
    _, ledger = count(url(server, "cut.pcap?token=hush", user="ann:secret@"))
    assert "secret" not in str(ledger.damages)
    assert "hush" not in str(ledger.damages)


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(Unreadable, match="cannot be opened: ClientConnectorError"):
        count("http://127.0.0.1:1/x.pcap")


def test_any_protocol_of_fsspec_is_read():
    with fsspec.open("memory://folder/x.pcap", "wb") as file:
        file.write(CAPTURE)
    assert count("memory://folder/x.pcap")[0] == COUNT


def test_an_unknown_protocol_is_told():
    with pytest.raises(Unreadable, match="Protocol not known: gopher"):
        count("gopher://example.org/x.pcap")


def test_a_local_file_by_url_needs_no_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    path = tmp_path / "a b.pcap"
    path.write_bytes(CAPTURE)
    assert count(path.as_uri())[0] == COUNT
    with pytest.raises(Unreadable, match="does not exist"):
        count((tmp_path / "absent").as_uri())


def test_without_the_extra_a_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError, match=r"pip install 'oddflow\[remote\]'"):
        count("https://ann:secret@example.org/x.pcap")


def test_a_protocol_that_needs_a_package_says_which(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UsageError, match="s3fs"):
        count("s3://bucket/x.pcap")


SECRET = from_regex(r"[A-Za-z][A-Za-z0-9._~!$&()*+,;=%-]{6,20}", fullmatch=True)


@given(user=from_regex(r"[a-z]{1,8}", fullmatch=True), password=SECRET, token=SECRET)
def test_no_secret_is_shown(user, password, token):
    for source in (
        f"https://{user}:{password}@example.org/a/x.pcap?token={token}",
        f"simplecache::https://{user}:{password}@example.org:8080/x.pcap?{token}",
        f"ftp://{user}:{password}/more@example.org/x.pcap?{token}",
    ):
        told = shown(f"ClientError(url='{source}') of {source}")
        assert f":{password}" not in told
        assert token not in told.replace("example.org", "").replace("simplecache", "")


@pytest.mark.parametrize(
    "source", ["x.pcap", "-", "C:\\x", "a://", "s3://bucket/key@2.pcap", "https://h:8080/a@b", "a?b"]
)
def test_what_holds_no_secret_is_shown_as_it_is(source):
    assert shown(source) == source
    assert is_url(source) == ("://" in source)


def test_local_urls_are_paths():
    assert local_path("file:///tmp/a%20b") == "/tmp/a b"
    assert local_path("file://localhost/tmp/x") == "/tmp/x"
    assert local_path("https://h/x") == "https://h/x"
