"""The machine that figures were taken on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from oddflow import __version__


def machine() -> dict[str, str | int | float]:
    """Processor, cores, load, and the versions that matter to the figures."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "oddflow": __version__,
        "numba": version("numba"),
        "numpy": version("numpy"),
        "pyarrow": version("pyarrow"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
