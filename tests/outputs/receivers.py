"""Receivers that listen on this machine, as good and as bad as real ones."""

import contextlib
import http.server
import socket
import ssl
import threading
import time

import trustme


class Certificates:
    """An authority, a server's certificate of it, and the authority's file."""

    def __init__(self, folder):
        authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(self.context)


class Hook(http.server.ThreadingHTTPServer):
    """A webhook's receiver: answers as a list of behaviours says, then well.

    A number is a status; "hang" never answers, "close" cuts the line, "drip" answers a byte at a time.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *behaviours, context=None, pause_s=0.0):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviours = list(behaviours)
        self.pause_s = pause_s
        self.requests = []
        self.taken = []
        self.over = threading.Event()
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request, client_address):
        """What goes wrong here is what is tested."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.requests.append((self.path, dict(self.headers), body))
        behaviour = server.behaviours.pop(0) if server.behaviours else 204
        time.sleep(server.pause_s)
        if behaviour == "hang":
            server.over.wait(30)
        elif behaviour == "drip":
            with contextlib.suppress(OSError):
                while not server.over.wait(0.05):
                    self.wfile.write(b"H")
        elif behaviour == "close":
            self.connection.shutdown(socket.SHUT_RDWR)
        if isinstance(behaviour, str):
            self.close_connection = True
            return
        if 200 <= behaviour < 300:
            server.taken.append(self.headers["X-Oddflow-Id"])
        self.send_response(behaviour)
        if behaviour in {301, 302, 307, 308}:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class SyslogServer:
    """Takes one connection after the other and cuts the stream by its octet counts (RFC 6587 section 3.4.1)."""

    def __init__(self, context=None, drops=0):
        self.messages = []
        self.connections = 0
        self._drops = drops
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                if self.connections <= self._drops:
                    connection.close()
                    continue
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        with contextlib.suppress(OSError, ValueError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while length := _number(stream):
                    self.messages.append(stream.read(length))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def _number(stream):
    digits = b""
    while (byte := stream.read(1)) not in {b" ", b""}:
        digits += byte
    return int(digits or b"0")


def until(condition, timeout_s=20.0):
    """Waits until something is so; fails where it never is."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it never came to be"
        time.sleep(0.01)
