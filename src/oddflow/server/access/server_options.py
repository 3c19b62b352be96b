"""How the HTTP server is run: bounded in all that a stranger can make it hold."""

from ssl import SSLContext
from typing import Any

from oddflow.server.access.hosts import Hosts
from oddflow.server.access.protocol import protocol_for
from oddflow.server.settings.settings import WebSection

MOST_CONNECTIONS = 512
IDLE_S = 15
MOST_HEAD_BYTES = 32 << 10


def server_options(web: WebSection, context: SSLContext | None) -> dict[str, Any]:
    """Options of `uvicorn.Config`.

    There is no log of accesses: one-time links stand in paths. The trail says who did what.

    Args:
        web: Which proxies are trusted.
        context: Of TLS, from `tls.server_context`; plain HTTP where None.
    """
    options: dict[str, Any] = {
        "access_log": False,
        "http": protocol_for(Hosts.of(web)),
        "ws": "none",
        "h11_max_incomplete_event_size": MOST_HEAD_BYTES,
        "limit_concurrency": MOST_CONNECTIONS,
        "timeout_keep_alive": IDLE_S,
        "proxy_headers": False,
        "forwarded_allow_ips": "",
        "server_header": False,
    }
    if context is not None:
        options["ssl_context_factory"] = lambda _config, _default: context
    return options
