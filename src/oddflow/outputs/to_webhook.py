"""Webhooks: an HTTP POST for each message, signed, to one host only."""

import hashlib
import hmac
import http.client
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from oddflow import __version__
from oddflow.outputs.address import Address
from oddflow.outputs.formats import Format
from oddflow.outputs.message import Message
from oddflow.outputs.tls import context_for
from oddflow.outputs.transport import TIMEOUT_S, NotDelivered, Refused

LONGEST_ANSWER = 65_536
NEVER = {400, 413, 415, 422}
"""What a receiver says of a message that it will not take another time either (RFC 9110 section 15.5)."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) of the time, a dot and the body: a receiver can refuse what is forged or old."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """Posts messages to a URL. Redirects are not followed; the whole exchange is over within a time limit.

    Any 2xx is delivered; 400, 413, 415 and 422 refuse the message for good; all else is tried again.
    """

    def __init__(self, address: Address, form: Format) -> None:
        self.most = 1
        self.interval_s = 0.0
        self._address = address
        self._media_type = form.media_type
        self._secret = address.secret("secret")
        self._token = address.secret("token")
        self._context = context_for(address) if address.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport."""
        for message in messages:
            self._post(message)

    def close(self) -> None:
        """As Transport."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, message: Message) -> None:
        try:
            connection = self._connected()
            with _deadline(connection):
                connection.request("POST", self._address.path, message.body, self._headers(message))
                answer = connection.getresponse()
                answer.read(LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotDelivered(str(error) or type(error).__name__) from None
        if answer.will_close or not answer.isclosed():
            self.close()
        if answer.status in NEVER:
            raise Refused(f"the receiver says {answer.status}")
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"the receiver says {answer.status}")

    def _headers(self, message: Message) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": self._media_type,
            "User-Agent": f"oddflow/{__version__}",
            "Idempotency-Key": message.key,
            "X-Oddflow-Id": message.id,
            "X-Oddflow-Timestamp": timestamp,
        }
        if self._secret:
            headers["X-Oddflow-Signature"] = f"sha256={signature(self._secret, timestamp, message.body)}"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            where = (self._address.host, self._address.port)
            made = (
                http.client.HTTPSConnection(*where, timeout=TIMEOUT_S, context=self._context)
                if self._context
                else http.client.HTTPConnection(*where, timeout=TIMEOUT_S)
            )
            made.connect()
            self._connection = made
        return self._connection


@contextmanager
def _deadline(connection: http.client.HTTPConnection) -> Iterator[None]:
    """Cuts the connection when the time is over: a receiver that sends a byte now and then would hold it for ever."""
    peer = connection.sock

    def cut() -> None:
        with suppress(OSError):
            socket.socket.shutdown(peer, socket.SHUT_RDWR)

    timer = threading.Timer(TIMEOUT_S, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
