"""What a process gives up before it looks at what a stranger sent: memory, time, files, the network.

Each is asked of the kernel and none can be taken back. Where a kernel refuses a name space of its own, the process has
no network name space to hide in, and says so; all the rest always holds.
"""

import ctypes
import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass

from oddflow.sensor.privileges import die_with_parent, drop

NEW_USERS, NEW_NETWORK = 0x10000000, 0x40000000
"""clone(2): CLONE_NEWUSER, CLONE_NEWNET."""
MOST_FILES = 128
MOST_PROCESSES = 256
MOST_WRITTEN_BYTES = 64 << 20
RESERVED_DATA_BYTES, RESERVED_BYTES = 1 << 30, 2 << 30
"""What allocators and libraries map and hardly touch: 1.4 and 2.1 GB where 0.4 GB are used."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a process may take.

    Attributes:
        memory_bytes: Beside what libraries reserve.
        seconds: Of processor time.
        written_bytes: Of each file that it writes.
    """

    memory_bytes: int
    seconds: int
    written_bytes: int = MOST_WRITTEN_BYTES

    def confine(self) -> bool:
        """Takes effect for this process, for good; to be called while it has one thread.

        Returns:
            Whether it has no network left, either.
        """
        is_alone = leave_network()
        drop(None)
        die_with_parent(signal.SIGKILL)
        wanted = {
            resource.RLIMIT_DATA: self.memory_bytes + RESERVED_DATA_BYTES,
            resource.RLIMIT_AS: self.memory_bytes + RESERVED_BYTES,
            resource.RLIMIT_CPU: self.seconds,
            resource.RLIMIT_FSIZE: self.written_bytes,
            resource.RLIMIT_NOFILE: MOST_FILES,
            resource.RLIMIT_NPROC: MOST_PROCESSES,
            resource.RLIMIT_CORE: 0,
        }
        for what, most in wanted.items():
            _, hard = resource.getrlimit(what)
            allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (allowed, allowed))
        os.umask(0o077)
        return is_alone


def leave_network() -> bool:
    """Goes where there is no network but a loopback that is down; whether that was allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    with suppress(AttributeError):
        return not libc.unshare(NEW_NETWORK) or not libc.unshare(NEW_USERS | NEW_NETWORK)
    return False
