"""Requests that another site's page has a browser make: told apart, and refused.

Three things stand in their way, each enough: the session's cookie is SameSite=Strict; a browser says where a request
comes from (Sec-Fetch-Site, Origin); and a form carries a text that only our pages know.
"""

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from starlette.requests import HTTPConnection

from oddflow.server.access.identity import Identity
from oddflow.server.access.refusal import Refused

FIELD = "csrf"
HEADER = "x-csrf-token"
FOREIGN = "another site's page made this request; open the page here and try again"


def check_origin(connection: HTTPConnection) -> None:
    """Refuses a change that a browser says another site's page asks for.

    Programs send neither header; they have no cookies that someone else could use.

    Raises:
        Refused: 403.
    """
    headers = connection.headers
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(403, FOREIGN)
    origin = headers.get("origin")
    if origin is None:
        return
    host, secure = headers.get("host", ""), connection.scope.get("scheme") == "https"
    found = urlsplit(origin)
    if found.scheme not in {"http", "https"} or not found.netloc:
        raise Refused(403, FOREIGN)
    if (
        _with_port(found.netloc, found.scheme == "https") != _with_port(host, secure)
        or (found.scheme == "https") != secure
    ):
        raise Refused(403, FOREIGN)


async def check_form(request: Request, who: Identity) -> None:
    """Refuses a change that does not carry the session's own text, in X-CSRF-Token or the form's field `csrf`.

    Raises:
        Refused: 403.
    """
    check_origin(request)
    sent = request.headers.get(HEADER, "")
    # a body of several parts may be a capture: nothing reads one to find out whether it may be sent
    if not sent and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        if getattr(request, "_form", None) is None:  # a route with form fields has read it before its guard is asked
            await request.body()  # kept, so that the route may read it again
        value = (await request.form()).get(FIELD)
        sent = value if isinstance(value, str) else ""
    if not who.csrf or not hmac.compare_digest(sent.encode("utf-8", "replace"), who.csrf.encode("utf-8")):
        raise Refused(
            403, "the form is out of date or not ours; load the page again (X-CSRF-Token is missing or wrong)"
        )


def _with_port(netloc: str, secure: bool) -> str:
    """Host and port, the port always there."""
    host = netloc.lower()
    return host if host.rpartition(":")[2].isdecimal() else f"{host}:{443 if secure else 80}"
