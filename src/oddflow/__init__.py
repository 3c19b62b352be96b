"""Oddflow learns what normal traffic looks like on a network and shows the flows that do not fit.

>>> import oddflow
>>> capture = oddflow.examples() / "office-baseline.pcap.zst"
>>> first = next(iter(oddflow.flows(capture)))
>>> first.schema.names[:6]
['start', 'end', 'src_ip', 'src_port', 'dst_ip', 'dst_port']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oddflow.api import detect, examples, flows, learn, tune

__version__ = "0.1.0"
__all__ = ["__version__", "detect", "examples", "flows", "learn", "tune"]


def __getattr__(name: str) -> Any:
    """Imports the front door when it is first used, so that `oddflow --help` stays quick."""
    if name in __all__:
        return getattr(import_module("oddflow.api"), name)
    raise AttributeError(f"module 'oddflow' has no attribute {name!r}")
