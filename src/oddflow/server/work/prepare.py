"""What is made before the processes begin: the store's tables, the first account's link, the file of feedback."""

import logging

from oddflow.errors import StoreDown
from oddflow.files import write_whole
from oddflow.server.access.first import first_link
from oddflow.server.settings.settings import Settings
from oddflow.server.work.stores import open_store
from oddflow.server.work.watching import feedback_file


def prepare(settings: Settings) -> str:
    """Prepares the state folder and the store; the link for the first account, if one is wanted.

    All is closed again when this returns, so that nothing of it is shared by those who are forked.

    Raises:
        OddflowError: The store cannot be used as it is, whatever comes. One that cannot be reached is waited for.
    """
    place = feedback_file(settings)
    if not place.exists():
        write_whole(place, "")
    try:
        store = open_store(settings, migrate=True)
    except StoreDown as error:
        logging.getLogger("oddflow.work").warning("%s; it is tried again", error, extra={"event": "store"})
        return ""
    try:
        return first_link(store, settings) or ""
    finally:
        store.close()
