"""The store as the service's processes open it: each its own, after it was forked."""

from oddflow.server.settings.settings import Settings
from oddflow.server.store.store import Store


def open_store(settings: Settings, *, migrate: bool = False) -> Store:
    """Opens it.

    Raises:
        UsageError: The URL or the password's place is wrong.
        StoreDown: The database cannot be reached.
    """
    asked = settings.store.password
    return Store.open(settings.store_url, password=asked.get_secret_value() if asked else None, migrate=migrate)
