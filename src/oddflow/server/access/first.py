"""The first account: whoever starts the service is given a link to make it."""

import time

from oddflow.server.access.hosts import base_url
from oddflow.server.settings.settings import Settings
from oddflow.server.store.store import Store


def first_link(store: Store, settings: Settings, *, now_s: float | None = None) -> str | None:
    """A link that makes the first admin, good for one use within a day; None where there is an admin.

    There is no password that would be the same everywhere, nor one that anybody else knows.

    Args:
        store: Of the service.
        settings: Where it is reached.
        now_s: Seconds since 1970; now unless given.
    """
    if store.accounts.has_admin():
        return None
    return link_url(settings, store.links.add(None, now_s=time.time() if now_s is None else now_s))


def link_url(settings: Settings, secret: str) -> str:
    """The address of a one-time link."""
    return f"{base_url(settings.web)}/first/{secret}"
