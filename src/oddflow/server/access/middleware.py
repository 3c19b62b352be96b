"""What every request passes before it reaches a route, outermost first: headers, hosts, bodies, the gate."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from oddflow.server.access.bodies import Bodies
from oddflow.server.access.callers import Callers
from oddflow.server.access.gate import Gate
from oddflow.server.access.headers import SafeHeaders
from oddflow.server.access.hosts import Hosts
from oddflow.server.access.refusal import Refused, answer
from oddflow.server.settings.settings import Settings


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """Puts the guards of `access` before an application; `app.state.service` must be there by the first request.

    Raises:
        UsageError: What `[web]` says of hosts or proxies is wrong.
    """
    uploads = (settings.uploads.most_mib + 1) << 20
    # what is added last is met first
    app.add_middleware(Gate)
    app.add_middleware(Bodies, uploads_bytes=uploads, uploads_s=float(settings.uploads.most_seconds) + 600.0)
    app.add_middleware(Callers, hosts=Hosts.of(settings.web))
    app.add_middleware(SafeHeaders)
    app.add_exception_handler(Refused, _refused)


async def _refused(request: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    return answer(request, refused)
