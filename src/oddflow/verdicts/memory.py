"""What a watcher remembers of the flows before, as plain values and arrays: to go on elsewhere just where it was.

Models, limits and settings are no part of it: a watcher is made anew of those, and then given its memory back. Which
fields are memory is told below, class by class; all else that is met is refused: nothing is made by its mere name.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.enrichment.enrichment import Enrichment
from oddflow.enrichment.seen_names import SeenNames
from oddflow.errors import InputError
from oddflow.features.context import Context, _Window
from oddflow.features.image import Image
from oddflow.features.names import Names
from oddflow.features.ordering import Waiting
from oddflow.features.presence import Presence
from oddflow.features.rates import Rates, _Sums
from oddflow.features.recent import Recent
from oddflow.features.sequence import Sequence
from oddflow.features.several import Several
from oddflow.features.tabular import Tabular
from oddflow.features.traffic_matrix import TrafficMatrix
from oddflow.features.windows import WindowedTabular, Windows, _Keys
from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.alerting import Alerting
from oddflow.verdicts.collective.groups import Groups
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.discovering import OnlineDiscovery
from oddflow.verdicts.drift.adwin import Adwin
from oddflow.verdicts.drift.finding import Drift, Drifted
from oddflow.verdicts.drift.monitor import DriftMonitor
from oddflow.verdicts.feedback.suppression import Hidden, Suppression
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.incident import Incident, Severity, Stage
from oddflow.verdicts.incidents.strand import Hosts, Strand
from oddflow.verdicts.uniformity import Uniformity
from oddflow.verdicts.watching import Watcher

MEMORY: Mapping[type, tuple[str, ...]] = {
    Watcher: ("_representation", "_drift", "_uniformity", "_drift_told", "_alerting", "_collective", "_waiting",
              "_incidents", "suppression"),
    Alerting: ("discovery", "enrichment"),
    Enrichment: ("names",),
    SeenNames: ("_asked", "_told", "_leased", "_of_hardware", "_address_of"),
    OnlineDiscovery: ("tests", "found", "_first", "_later"),
    Waiting: ("_flows", "count"),
    Context: ("_seed", "_windows"),
    _Window: ("ring_ns", "ring", "table", "values", "counters"),
    Presence: ("incomplete", "_met"),
    Tabular: ("context", "_presence"),
    WindowedTabular: ("_tabular", "_windows", "_met"),
    Windows: ("_hosts", "_services"),
    _Keys: ("recent", "words", "marks", "fields", "buckets", "slots", "means", "weights", "seen", "network",
            "network_past", "network_slots", "network_means"),
    Recent: ("seed", "slots", "keys", "links", "fields"),
    Image: ("_presence",),
    Sequence: ("_presence",),
    Several: ("_views",),
    Names: ("_flows", "_named"),
    Rates: ("_presence", "_sums"),
    _Sums: ("recent", "sums", "last", "latest"),
    TrafficMatrix: ("_seed", "_forgotten", "_table", "_table_places", "_names", "_used", "_latest", "_counts",
                    "_counters"),
    Collective: ("_groups", "told"),
    Groups: ("evicted", "_keys", "_groups", "_members", "_until", "_pair_keys", "_pairs"),
    Uniformity: ("_counts",),
    DriftMonitor: ("_windows", "_rate", "_cut", "_rate_was_cut", "_block", "_blocks", "_held", "_held_rows", "_recent",
                   "_told", "_news"),
    Adwin: ("_came", "_sizes", "_since_ns", "_sums", "_squares", "_extra", "_first", "_changed_ns"),
    Incidents: ("closed_early", "not_kept", "_open", "_ended", "_fan", "_closed", "_of", "_told", "_numbers",
                "_latest_ns", "_swept_ns"),
    Suppression: ("_by_rule", "_kept", "total"),
}  # fmt: skip
"""Parts of a watcher, and which of their fields are memory; a new one has them all, and its memory is put into them."""

VALUES: Mapping[str, type] = {
    one.__name__: one for one in (Alert, Reason, Strand, Hosts, Incident, Stage, Severity, Drift, Drifted, Hidden)
}
"""What memory holds, made anew from its fields."""

_COLLECTIONS: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "deque": deque}
_TABLES: dict[str, type] = {"dict": dict, "ordered": OrderedDict, "counter": Counter}
_NAMES = {kind: name for name, kind in (_COLLECTIONS | _TABLES).items()}


@dataclass(slots=True)
class Memory:
    """What one remembers.

    Attributes:
        tree: As JSON has it; arrays, bytes and flows are in it by their places.
        arrays: They.
    """

    tree: Any
    arrays: list[NDArray[Any] | pa.RecordBatch] = field(default_factory=list)


def memory_of(part: Any) -> Memory:
    """What a watcher, or a part of one, remembers; a copy, but for flows, which nobody changes.

    Raises:
        TypeError: It remembers something that no memory can hold.
    """
    memory = Memory(None)
    memory.tree = _told(part, memory.arrays)
    return memory


def remind(part: Any, memory: Memory) -> None:
    """Gives a new watcher, of the same model and settings, the memory of another; or a part the memory of its like.

    Raises:
        InputError: It is none of such a watcher.
    """
    try:
        _into(part, memory.tree, memory.arrays)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"this is no memory of a {type(part).__name__} with such settings: {error}") from None


def _told(value: Any, arrays: list[Any]) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Enum) and VALUES.get(type(value).__name__) is type(value):
        return {"is": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else {"is": "int", "hex": hex(value)}
    if isinstance(value, float):
        return value
    if isinstance(value, np.ndarray | np.generic | bytes | pa.RecordBatch):
        arrays.append(_copied(value))
        held = {np.ndarray: "array", bytes: "bytes", pa.RecordBatch: "flows"}.get(type(value), "scalar")
        return {"is": held, "at": len(arrays) - 1}
    name = _NAMES.get(type(value), "")
    if name in _COLLECTIONS:
        return {"is": name, "of": [_told(one, arrays) for one in value]}
    if name in _TABLES:
        return {"is": name, "of": [[_told(key, arrays), _told(one, arrays)] for key, one in value.items()]}
    if type(value) in MEMORY:
        names: tuple[str, ...] = MEMORY[type(value)]
    elif VALUES.get(type(value).__name__) is type(value):
        names = tuple(one.name for one in fields(value)) if is_dataclass(value) else tuple(vars(value))
    else:
        raise TypeError(f"{type(value).__name__} is no memory")
    return {"is": type(value).__name__, "fields": {name: _told(getattr(value, name), arrays) for name in names}}


def _copied(value: Any) -> Any:
    if isinstance(value, bytes):
        return np.frombuffer(value, np.uint8)
    return value if isinstance(value, pa.RecordBatch) else np.array(value)


def _into(part: Any, tree: Any, arrays: list[Any]) -> None:
    """Puts memory into a part that is there."""
    if type(part) not in MEMORY or tree["is"] != type(part).__name__:
        raise TypeError(f"{tree['is']} is no {type(part).__name__}")
    for name in MEMORY[type(part)]:
        setattr(part, name, _again(tree["fields"][name], arrays, getattr(part, name)))


def _again(tree: Any, arrays: list[Any], there: Any) -> Any:
    """A value from its tree; what is a part of the watcher stays the one that is there."""
    if type(there) in MEMORY:
        _into(there, tree, arrays)
        return there
    if isinstance(there, list | tuple) and there and type(there[0]) in MEMORY:
        for part, told in zip(there, tree["of"], strict=True):
            _into(part, told, arrays)
        return there
    if isinstance(there, np.ndarray):
        found = arrays[tree["at"]]
        if found.dtype != there.dtype or found.ndim != there.ndim:
            raise TypeError(f"an array is {found.dtype} {found.shape}; expected {there.dtype} {there.shape}")
        return found.copy()
    made = _value(tree, arrays)
    return deque(made, there.maxlen) if isinstance(there, deque) else made


def _value(tree: Any, arrays: list[Any]) -> Any:
    if not isinstance(tree, dict):
        return tree
    kind = tree["is"]
    if "at" in tree:
        return _taken(arrays[tree["at"]], kind)
    if kind == "int":
        return int(tree["hex"], 16)
    if kind in _COLLECTIONS:
        return _COLLECTIONS[kind](_value(one, arrays) for one in tree["of"])
    if kind in _TABLES:
        return _TABLES[kind]({_value(key, arrays): _value(one, arrays) for key, one in tree["of"]})
    return _made(tree, arrays)


def _taken(found: Any, kind: str) -> Any:
    match kind:
        case "array":
            return found.copy()
        case "scalar":
            return found[()]
        case "bytes":
            return bytes(found)
        case "flows":
            return found
    raise TypeError(f"{kind} is no array")


def _made(tree: Any, arrays: list[Any]) -> Any:
    kind = tree["is"]
    cls = VALUES[kind]
    if issubclass(cls, Enum):
        return cls(tree["value"])
    made = object.__new__(cls)
    known = {one.name for one in fields(made)} if is_dataclass(made) else {"counts", "others"}
    if known != set(tree["fields"]):
        raise TypeError(f"{kind} has fields {', '.join(sorted(tree['fields']))}; expected {', '.join(sorted(known))}")
    for name, one in tree["fields"].items():
        object.__setattr__(made, name, _value(one, arrays))
    return made
