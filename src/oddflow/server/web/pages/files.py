"""Style sheets, scripts and the icon, as browsers ask for them."""

from fastapi import APIRouter, HTTPException, Response

from oddflow.server.web.static_files import TYPES, contents, version

router = APIRouter(include_in_schema=False)
FOREVER = "public, max-age=31536000, immutable"


@router.get("/static/{asked}/{name}")
def file(asked: str, name: str) -> Response:
    """One file; kept for good under its own version, and asked for anew under one that was."""
    content = contents().get(name)
    if content is None:
        raise HTTPException(404, "no such file")
    kept = FOREVER if asked == version() else "no-cache"
    return Response(content, media_type=TYPES[name.rpartition(".")[2]], headers={"Cache-Control": kept})
