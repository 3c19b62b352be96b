"""What any route may answer beside what it is for, for OpenAPI."""

from typing import Any

from oddflow.server.web.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_MEANINGS = {
    400: "What was sent cannot be read.",
    401: "Nobody is known: log in, or send a token.",
    403: "Whoever asks may not.",
    404: "There is none such.",
    409: "It cannot be done as things are.",
    413: "It is too large.",
    414: "The address is too long.",
    422: "The request is not as it should be; `faults` says where.",
    429: "Too many requests; try again after `Retry-After` seconds.",
    503: "Not now: the store cannot be reached, or too much is asked at once; try again after `Retry-After` seconds.",
}
_ALWAYS = (400, 401, 403, 422, 429, 503)


def problems(*more: int) -> Responses:
    """The problems of a route: those of every one, and more."""
    shape = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": shape}}}
        for status in sorted({*_ALWAYS, *more})
    }
