"""Processes that use the same store."""

import os
import traceback
from collections.abc import Callable


def start(work: Callable[[], object]) -> int:
    """A process that does something; its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001  (what it says is all that the parent learns)
        traceback.print_exc()
    finally:
        os._exit(status)


def status_of(pid: int) -> int:
    """Waits for it; 0 where nothing raised."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
