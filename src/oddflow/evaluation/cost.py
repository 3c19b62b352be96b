"""What a detector costs: time of learning and scoring, memory, numbers."""

import ctypes
import gc
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Cost(BaseModel):
    """Of one fit.

    Attributes:
        learning_s: Processor time.
        rows_per_s: Scored, by processor time.
        peak_bytes: Memory that learning took beyond what was there before; None where the system does not tell.
        parameters: Numbers that were learnt; None where nobody counts them.
        sealed_bytes: Size of its graph or its state; None where it cannot be sealed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_s: float
    rows_per_s: float
    peak_bytes: int | None = None
    parameters: int | None = None
    sealed_bytes: int | None = None


class Memory:
    """The most memory that is used from now on, beyond what is used now; Linux alone tells it."""

    def __init__(self) -> None:
        """Gives back what is free, and has the system forget the peak so far."""
        gc.collect()
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
            _CLEAR.write_text("5")
        except (OSError, AttributeError):
            self._before = None
            return
        self._before = _status("VmRSS")

    def peak_bytes(self) -> int | None:
        """Since this was made."""
        peak = _status("VmHWM")
        return None if peak is None or self._before is None else max(0, peak - self._before)


def _status(name: str) -> int | None:
    try:
        lines = _STATUS.read_text("ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1_024 * int(found[0]) if found else None
