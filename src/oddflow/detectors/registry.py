"""The closed list of detectors: every class of this package that carries `@registered`.

What they are called and which extra they need is read from their source, so that a list of them, or a message, imports
neither torch nor scikit-learn; a module is imported when its detector is asked for.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from types import ModuleType
from typing import Any, TypeVar

from oddflow import detectors
from oddflow.detectors.base import Detector, Exportable
from oddflow.detectors.chosen import ONLY, Chosen
from oddflow.detectors.encoding import Encoding
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.training.pace import Pace
from oddflow.training.unlabelled import Unlabelled

PROBES = {"": (), "train": ("sklearn", "torch")}
"""Packages whose presence tells that an extra is installed."""

ENCODING = tuple(field.name for field in fields(Encoding))
"""Options of all detectors that scale rows."""

PACE = tuple(field.name for field in fields(Pace))
"""Options of all detectors that learn in epochs."""

UNLABELLED = tuple(field.name for field in fields(Unlabelled))
"""Options of all detectors that use rows without labels."""

_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)
_SAID = re.compile(r'^    (name|needs): ClassVar\[str\] = "([a-z0-9-]*)"$', re.MULTILINE)
Kind = TypeVar("Kind", bound=type[Detector])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a detector is: its module and class, and the extra that it needs, "" for none."""

    module: str
    attribute: str
    needs: str


def registered(kind: Kind) -> Kind:
    """Puts a detector on the list; its `name` and `needs` stand in its body as plain text.

    >>> registered(Detector)
    Traceback (most recent call last):
        ...
    TypeError: Detector lacks what every detector has: name, summary, good_at, bad_at, paper
    """
    lacking = [what for what in ("name", "summary", "good_at", "bad_at", "paper") if not hasattr(kind, what)]
    if lacking:
        raise TypeError(f"{kind.__name__} lacks what every detector has: {', '.join(lacking)}")
    return kind


@cache
def places() -> dict[str, Place]:
    """All detectors of the package by name, in alphabetical order; none of them is imported.

    Raises:
        TypeError: Two have the same name, or one does not say its own.
    """
    found: dict[str, Place] = {}
    for path in (path for folder in detectors.__path__ for path in sorted(Path(folder).glob("*.py"))):
        for source in path.read_text(encoding="utf-8").split("\n@registered\n")[1:]:
            kind = _CLASS.search(source)
            said = dict(_SAID.findall(source[: _end_of(source)]))
            if kind is None or "name" not in said or said["name"] in found:
                raise TypeError(
                    f"{path.name}: a registered detector needs a name of its own; {said.get('name')!r} given"
                )
            found[said["name"]] = Place(f"{detectors.__name__}.{path.stem}", kind[1], said.get("needs", ""))
    return dict(sorted(found.items()))


def _end_of(source: str) -> int:
    """Where the first class of a source ends: before the next line that is not indented, and no decorator."""
    body = source.index(":\n")
    ends = re.compile(r"^\S", re.MULTILINE).search(source, body + 2)
    return ends.start() if ends else len(source)


def names() -> list[str]:
    """All names, in alphabetical order."""
    return list(places())


def installed(name: str) -> bool:
    """Whether what a detector needs is installed."""
    return not _absent(places()[name].needs)


def _absent(extra: str) -> list[str]:
    return [package for package in PROBES[extra] if find_spec(package) is None]


def default() -> str:
    """The best detector that is installed."""
    return "autoencoder" if installed("autoencoder") else "robust-pca"


def find(name: str | type[Detector]) -> type[Detector]:
    """A detector's class, by its name; a class of your own is itself.

    Raises:
        UsageError: There is none of that name, or the extra that it needs is not installed.
    """
    if not isinstance(name, str):
        return name
    if name not in places():
        raise UsageError(f"there is no detector {name!r}; there are {', '.join(names())}")
    place = places()[name]
    absent = _absent(place.needs)
    if absent:
        raise UsageError(
            f"{name} needs {', '.join(absent)}: pip install 'oddflow[{place.needs}]', or use --detector robust-pca, "
            "which needs no more"
        )
    found: type[Detector] = getattr(_imported(place.module), place.attribute)
    return found


def _imported(module: str) -> ModuleType:
    """A module, whole: in the middle of torch's start an interrupt would end the process by force, so it waits."""
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        return import_module(module)
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def sealable(name: str | type[Detector]) -> type[Detector]:
    """The class of a detector that can be made a model.

    Raises:
        UsageError: As `find`, or it cannot.
    """
    kind = find(name)
    if kind.exportable is Exportable.NONE:
        raise UsageError(
            f"{kind.name} cannot be sealed as a model; `oddflow evaluate` compares it with others, and "
            "`oddflow detectors` lists what can be sealed"
        )
    return kind


def options(name: str | type[Detector]) -> list[str]:
    """What a detector can be told, beside its features."""
    own = [option for option in inspect.signature(find(name)).parameters if option != "features"]
    return own + [option for option in _shared(name) if option not in own]


def learns_in_epochs(name: str | type[Detector]) -> bool:
    """Whether a detector is learnt by `training/loop.py`, and tells of each epoch."""
    return "told" in inspect.signature(find(name)).parameters


def _groups(name: str | type[Detector]) -> dict[str, tuple[str, ...]]:
    """Options that a detector has without naming them, by the attribute that holds them together."""
    found = find(name)
    groups = {"shown_by": ENCODING} if found.encodes else {}
    groups |= {"paced_by": PACE} if learns_in_epochs(found) else {}
    return groups | ({"helped_by": UNLABELLED} if found.uses_unlabelled else {})


def _shared(name: str | type[Detector]) -> dict[str, Any]:
    """All of them, and what they are unless told otherwise."""
    found = find(name)
    return {option: getattr(getattr(found, held), option) for held, group in _groups(name).items() for option in group}


def epochs_of(name: str | type[Detector], given: Mapping[str, Any]) -> int:
    """The most epochs that a detector takes, with these options; 0 where it learns without."""
    option = inspect.signature(find(name)).parameters.get("epochs")
    return int(given.get("epochs", option.default)) if option else 0


def told(text: str, more: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
    """A detector that a person names, with options or without: "autoencoder", "autoencoder:epochs=10:hidden=64,16".

    What has no "=" is the first option: "pyod:ECOD".

    Args:
        text: The name, and options behind colons.
        more: Further options, as `parsed` takes them.

    Returns:
        The name, and its options.

    Raises:
        UsageError: There is no such detector or option, or a value is of another kind.
    """
    name, *given = text.split(":")
    first = options(name)[0]
    return name, parsed(name, [*(word if "=" in word else f"{first}={word}" for word in given), *more])


def parsed(name: str, texts: Sequence[str]) -> dict[str, Any]:
    """Options of a detector that were given as words: "epochs=10", "hidden=64,16".

    Raises:
        UsageError: It has no such option, or the value is of another kind.
    """
    defaults = _shared(name) | {
        option: parameter.default
        for option, parameter in inspect.signature(find(name)).parameters.items()
        if option not in {"features", "seed", "told"}
    }
    found = {}
    for text in texts:
        option, _, value = text.partition("=")
        if option == ONLY:
            found[option] = tuple(part.strip() for part in value.split(","))
            continue
        if option not in defaults:
            known = ", ".join(defaults) or "none"
            raise UsageError(f"{name} has no option {option!r}; write NAME=VALUE with one of its own: {known}")
        default = defaults[option]
        try:
            found[option] = _read(value, default)
        except ValueError:
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            raise UsageError(f"{option} of {name} cannot be {value!r}; expected one like {shown}") from None
    return found


def _read(text: str, default: Any) -> Any:
    """A value of the same kind as an option's default; raises ValueError where it is none."""
    if isinstance(default, bool):
        if text not in {"true", "false"}:
            raise ValueError
        return text == "true"
    if isinstance(default, tuple):
        return tuple(_read(part.strip(), default[0]) for part in text.strip("[]").split(","))
    return type(default)(text) if isinstance(default, (int, float)) else text


def create(name: str | type[Detector], features: Sequence[Feature], **given: Any) -> Detector:
    """A detector, not fitted yet; with `only`, names of columns, it looks at those alone.

    Raises:
        UsageError: No such name, option or column; the message lists what there is.
    """
    found, known = find(name), options(name)
    chosen = Chosen.of(features, given.pop(ONLY), found) if ONLY in given else None
    wrong = [option for option in given if option not in known]
    if wrong:
        raise UsageError(f"{found.name} has no option {', '.join(wrong)}; it has {', '.join(known)}")
    shared = {
        held: {option: given.pop(option) for option in group if option in given}
        for held, group in _groups(name).items()
    }
    detector = found(chosen.taken if chosen else features, **given)  # type: ignore[call-arg]
    if chosen:
        detector.chosen = chosen
    for held, told_of in shared.items():
        if told_of:
            setattr(detector, held, replace(getattr(detector, held), **told_of))
    return detector


def describe() -> list[dict[str, str]]:
    """What each detector is, without importing what is not installed."""
    known = []
    for name in names():
        entry = {"name": name, "needs": places()[name].needs or "nothing more", "summary": "not installed"}
        entry |= {"good_at": "", "bad_at": "", "paper": "", "exportable": "", "reads": ""}
        if installed(name):
            found = find(name)
            entry |= {key: getattr(found, key) for key in ("summary", "good_at", "bad_at", "paper")}
            entry |= {"exportable": str(found.exportable), "reads": str(found.reads)}
        known.append(entry)
    return known
