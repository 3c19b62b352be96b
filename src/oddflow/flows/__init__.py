"""Packet batches to flow batches: the meter and its flow table.

The package can be called: `oddflow.flows("x.pcap")` is the front door `oddflow.api.flows`, which has its name.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _FrontDoor(ModuleType):
    """Python puts an imported package in the place of the function of its name; so the package answers for it."""

    def __call__(self, *sources: Any, **options: Any) -> Any:
        return import_module("oddflow.api").flows(*sources, **options)


sys.modules[__name__].__class__ = _FrontDoor
