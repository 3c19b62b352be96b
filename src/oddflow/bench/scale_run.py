"""One batch job on Ray in a process of its own, which tells how long it took: for `oddflow bench scale`.

`python -m oddflow.bench.scale_run '{"sources": […], "warm": […], "output": …, "workers": 2, "processors": 1}'`
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from oddflow.errors import OddflowError

SETTLE_S = 2.5
"""Ray tells of its tasks this long after they ended."""


def processor_s(pid: int) -> float:
    """Processor time of all processes below one, and of those among them that have ended; its own is left out."""
    ticks, waiting, found = os.sysconf("SC_CLK_TCK"), [pid], 0
    while waiting:
        one = waiting.pop()
        with suppress(OSError, ValueError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            if one != pid:
                found += sum(int(field) for field in fields[11:15])
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found / ticks
