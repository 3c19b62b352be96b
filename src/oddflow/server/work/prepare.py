"""What is made before the processes begin: the store's tables, the first account's link, the file of feedback."""

import json
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress

from oddflow.errors import OddflowError, StoreDown
from oddflow.files import write_whole
from oddflow.sensor import privileges
from oddflow.server import log
from oddflow.server.access.first import first_link
from oddflow.server.work.layout import Shared
from oddflow.server.work.stores import open_store
from oddflow.server.work.watching import feedback_file

MOST_BYTES = 1 << 16


def prepare(shared: Shared, account: privileges.Account | None, foreign: Sequence[socket.socket | int]) -> str:
    """Prepares, in a process of its own, as who the service will be; the link for the first account, if one is wanted.

    Raises:
        OddflowError: The store cannot be used as it is, whatever comes. One that cannot be reached is waited for.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        said: dict[str, str] = {}
        try:
            for one in foreign:
                with suppress(OSError):
                    one.close() if isinstance(one, socket.socket) else os.close(one)
            log.setup(shared.settings.log, "start")
            privileges.drop(account)
            said["link"] = _prepared(shared)
        except OddflowError as error:
            said["error"] = str(error)
        except BaseException as error:  # noqa: BLE001  (told by who started it)
            said["error"] = f"internal error: {type(error).__name__}: {error}"
        with suppress(OSError):
            os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.close(write)
    content = b""
    while piece := os.read(read, MOST_BYTES):
        content += piece
    os.close(read)
    os.waitpid(pid, 0)
    try:
        told = json.loads(content or b"{}")
    except ValueError:
        told = {}
    if "error" in told:
        raise OddflowError(told["error"])
    return str(told.get("link", ""))


def _prepared(shared: Shared) -> str:
    settings = shared.settings
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
