"""Style sheets, scripts and the icon: whole in memory, under an address that changes when any of them does."""

import hashlib
from functools import cache
from importlib.resources import files

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
VERSION_LETTERS = 12


@cache
def contents() -> dict[str, bytes]:
    """All files by name. The reports' style comes first, in a layer that every rule of the pages goes before."""
    found = {
        one.name: one.read_bytes()
        for one in files("oddflow.server.web").joinpath("static").iterdir()
        if one.name.rpartition(".")[2] in TYPES
    }
    style = files("oddflow.reports").joinpath("templates", "style.css").read_bytes()
    sheets = [found.pop(name) for name in sorted(found) if name.endswith(".css")]
    found["style.css"] = b"@layer report {\n" + style + b"}\n" + b"\n".join(sheets)
    return found


@cache
def version() -> str:
    """A hash of all: one for all, so that modules find one another beside them."""
    told = hashlib.sha256()
    for name, content in sorted(contents().items()):
        told.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return told.hexdigest()[:VERSION_LETTERS]


def static(name: str) -> str:
    """The address of a file.

    Raises:
        KeyError: There is none of that name; a template names it wrongly.
    """
    if name not in contents():
        raise KeyError(f"no static file {name}")
    return f"/static/{version()}/{name}"
