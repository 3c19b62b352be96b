"""From where a request comes and to whom it is made: proxies that are trusted, hosts that are ours."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from oddflow.server.access.hosts import Hosts
from oddflow.server.access.refusal import Refused, answer


class Callers:
    """ASGI middleware: the true address and scheme in the scope; a Host that is not ours is refused.

    Args:
        app: What comes after.
        hosts: Which are ours.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses what is not for us."""
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            hosts = connection.headers.getlist("host")
            if len(hosts) != 1 or not self.hosts.known(hosts[0]):
                refused = Refused(
                    421, "this service does not answer to that name; an admin sets [web] public_url to the right one"
                )
                await answer(connection, refused)(scope, receive, send)
                return
            self._set_caller(scope, connection, hosts[0].lower())
        await self.app(scope, receive, send)

    def _set_caller(self, scope: Scope, connection: HTTPConnection, host: str) -> None:
        peer = connection.client.host if connection.client else ""
        by_proxy = self.hosts.trusts(peer)
        if by_proxy:
            forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
            scope["client"] = (self.hosts.client(peer, forwarded), connection.client.port if connection.client else 0)
            scheme = connection.headers.get("x-forwarded-proto", "").strip().lower()
            if scheme in {"http", "https"}:
                scope["scheme"] = scheme
        if self.hosts.public_https and host == self.hosts.public:
            scope["scheme"] = "https"
