"""All routes of `access`."""

from fastapi import APIRouter

from oddflow.server.access import account_routes, forms, session_routes, token_routes, trail_routes

router = APIRouter()
for part in (forms, session_routes, account_routes, token_routes, trail_routes):
    router.include_router(part.router)
