"""A sealed model: feature rows to scores and their parts, through ONNX Runtime."""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Protocol, Self, final

import numpy as np
from numpy.typing import ArrayLike

from oddflow.errors import NotAModel, SchemaMismatch, UsageError
from oddflow.features.feature import Feature
from oddflow.models.format import CARD, GRAPH, STATE, Archive, pack, read_sealed, unpack, write_sealed
from oddflow.models.rows import Floats, check_finite, check_rows, check_shape, five_digits

if TYPE_CHECKING:
    from oddflow.models.allowed import Sizes
    from oddflow.models.ending import Ending
    from oddflow.models.trust import Trust

_BATCH_NUMBERS = 1 << 22
"""Numbers in the widest value of a batch: 16 MiB."""
_BATCH_ROWS = 2_048
"""More rows leave the processor's cache and score more slowly."""
_ALL_NUMBERS = 1 << 28
"""Numbers in all values of a batch together: 1 GiB, were none of them freed before the last is made."""
_MANY_ROWS = 256
"""Of fewer, importing a kernel would take longer than it saves."""
_MISSING_NAMED = 8


@final
class SealedModel:
    """A model that was learnt elsewhere, checked, and ready to score.

    Attributes:
        manifest: What it says of itself.
        features: The d columns that a row must have, in order.
        held_back: Scores of held-back normal rows, ascending, (n,) float32.
        sample: The same with the origins of the rows, where these are known.
        prototypes: Normal rows that stand for all, (p, d) float32; none in a model that was sealed without.
        fingerprint: Twelve hexadecimal digits that name it: the same for the same features and parts.
    """

    def __init__(self, archive: Archive, *, threads: int = 1) -> None:
        """Checks the graph and makes it ready; `threads` is how many batches of rows may be scored side by side."""
        if threads < 1:
            raise UsageError(f"threads is {threads}; expected 1 or more")
        self._archive = archive
        self.manifest = archive.manifest
        self.features = tuple(Feature(f.name, f.unit, f.scale, f.words) for f in archive.manifest.features)
        self.sample = archive.sample
        self.held_back = self.sample.scores
        self.prototypes = archive.prototypes
        self.fingerprint = _fingerprint(archive)
        self._threads = threads
        self._scorer = _scorer_of(archive, len(self.features))
        self._batch_rows = self._scorer.batch_rows

    @classmethod
    def load(cls, path: str | PathLike[str], *, threads: int = 1, trust: "Trust | None" = None) -> Self:
        """Reads a sealed model file; `threads` is how many batches of rows may be scored side by side.

        Raises:
            Unreadable: There is no such file, or it may not be read.
            NotAModel, Tampered: It is no sealed model, or was changed.
            Untrusted: Nobody that `trust` knows signed it.
        """
        archive = read_sealed(path)
        if trust is not None:
            trust.check(archive, fspath(path))
        try:
            return cls(archive, threads=threads)
        except NotAModel as error:
            raise NotAModel(f"{fspath(path)}: {error}") from None

    @classmethod
    def from_bytes(cls, content: bytes, *, name: str = "model", threads: int = 1) -> Self:
        """The same from bytes in memory; `name` is what messages call it."""
        archive = unpack(content, name)
        try:
            return cls(archive, threads=threads)
        except NotAModel as error:
            raise NotAModel(f"{name}: {error}") from None

    @property
    def archive(self) -> Archive:
        """Its manifest, parts and signature."""
        return self._archive

    @property
    def parts(self) -> Mapping[str, bytes]:
        """The parts of its file by name, the manifest left out: see `models/format.py`."""
        return self._archive.parts

    def write(self, path: str | PathLike[str]) -> None:
        """Writes the model file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        write_sealed(path, self._archive)

    def to_bytes(self) -> bytes:
        """The bytes that `write` writes."""
        return pack(self._archive)

    def score(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Scores rows: shape (n, d) -> scores (n,) and each feature's part in them (n, d), not negative.

        Scores are rounded to five digits; higher is more anomalous.

        Raises:
            UsageError: x has another width, or holds NaN or infinity.
        """
        rows = self._checked(x)
        scores, contributions = np.empty(len(rows), np.float32), np.empty(rows.shape, np.float32)
        self._fill({"score": scores, "contributions": contributions}, rows)
        return scores, contributions

    def scores(self, x: ArrayLike) -> Floats:
        """The scores alone: (n, d) -> (n,)."""
        rows = self._checked(x)
        scores = np.empty(len(rows), np.float32)
        self._fill({"score": scores}, rows)
        return scores

    def classes(self, x: ArrayLike) -> Floats:
        """Probabilities of `manifest.classes`, as if attacks were as common as normal rows: (n, d) -> (n, k).

        Raises:
            UsageError: x has another width, or holds NaN or infinity; or the model tells none.
        """
        if not self.manifest.classes:
            raise UsageError(f"a {self.manifest.detector} does not tell kinds of attack apart")
        rows = self._checked(x)
        found = np.empty((len(rows), len(self.manifest.classes)), np.float32)
        self._fill({"classes": found}, rows)
        return five_digits(np.clip(found, 0, 1))

    def likeliest_attack(self, x: ArrayLike) -> tuple[str, float]:
        """Which kind of attack a row (d,) likeliest is, and how likely that is; "" and 0 where the model tells none."""
        if not self.manifest.classes:
            return "", 0.0
        attacks = self.classes(np.asarray(x)[None])[0, 1:]
        likeliest = int(attacks.argmax())
        return self.manifest.classes[1 + likeliest], float(attacks[likeliest])

    def check_features(self, features: Sequence[Feature]) -> None:
        """Refuses a representation whose columns are not those that the model learnt.

        Raises:
            SchemaMismatch: Which columns are missing, or differ.
        """
        if tuple(features) == self.features:
            return
        known = {feature.name for feature in features}
        missing = [feature.name for feature in self.features if feature.name not in known]
        if missing:
            named = ", ".join(missing[:_MISSING_NAMED])
            more = f" and {len(missing) - _MISSING_NAMED} more" if len(missing) > _MISSING_NAMED else ""
            raise SchemaMismatch(
                f"the model needs columns that this source lacks: {named}{more}; "
                "learn it anew from such a source, with this version of Oddflow"
            )
        pairs = zip(self.features, features, strict=False)
        other = next((ours.name for ours, theirs in pairs if ours != theirs), features[-1].name)
        raise SchemaMismatch(
            f"the model learnt {len(self.features)} columns, this source gives {len(features)}, and the "
            f"first that differs in place or meaning is {other}; learn it anew with this version of Oddflow"
        )

    def _checked(self, x: ArrayLike) -> Floats:
        return check_shape(x, width=len(self.features))

    def _fill(self, wanted: Mapping[str, Floats], rows: Floats) -> None:
        """Fills arrays with outputs of the same names, a batch of rows at a time; scores are rounded.

        Raises:
            UsageError: Rows hold NaN or infinity.
        """
        names = [feature.name for feature in self.features]

        def fill(start: int) -> None:
            batch = slice(start, start + self._batch_rows)
            check_finite(rows[batch], names, first=start)
            outputs = self._scorer.run(list(wanted), rows[batch])
            for (name, array), found in zip(wanted.items(), outputs, strict=True):
                array[batch] = five_digits(found) if name == "score" else found

        starts = range(0, len(rows), self._batch_rows)
        if min(self._threads, len(starts)) < 2 or not self._scorer.is_shared:
            for start in starts:
                fill(start)
            return
        # a batch by itself keeps one core busy from its first value to its last; two cores on one would wait
        with ThreadPoolExecutor(self._threads) as pool:
            deque(pool.map(fill, starts), maxlen=0)


class _Scorer(Protocol):
    """What gives the outputs "score" (n,) and "contributions" (n, d) of rows (n, d), at most `batch_rows` at once."""

    batch_rows: int
    is_shared: bool
    """Whether several threads may run it at once."""

    def run(self, outputs: list[str], rows: Floats) -> list[Floats]: ...


class _Graph:
    """Scores by a graph, through ONNX Runtime."""

    is_shared = True

    def __init__(self, graph: bytes, width: int) -> None:
        self._graph = graph
        self._session, sizes = _open_graph(graph, width)
        most = min(_BATCH_NUMBERS // sizes.widest, _ALL_NUMBERS // max(1, sizes.total))
        self.batch_rows = max(1, min(_BATCH_ROWS, most))
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        self.classes: int = shapes.get("classes", [None, 0])[1]

    def run(self, outputs: list[str], rows: Floats) -> list[Floats]:
        if outputs == ["score"] and len(rows) >= _MANY_ROWS and self._short:
            session, ending = self._short
            scores = ending.scores(*_outputs(session, ending.outputs, rows))
            if scores is not None:
                return [scores]
        return _run(self._session, outputs, rows)

    @cached_property
    def _short(self) -> "tuple[Any, Ending] | None":
        """A session that ends where a kernel goes on, and what the kernel does; None where there is no such way."""
        import onnx

        from oddflow.models.ending import Ending

        model = onnx.load_model_from_string(self._graph)
        ending = Ending.of(model)
        return (_session(ending.cut_off(model)), ending) if ending else None


class _State:
    """Scores by arrays, through a kernel of ours, on one core."""

    batch_rows = _BATCH_ROWS
    is_shared = False

    def __init__(self, part: bytes, width: int) -> None:
        # a model that is a graph needs none of the kernels
        from oddflow.models.state import open_state

        self._state = open_state(part, width)

    def run(self, outputs: list[str], rows: Floats) -> list[Floats]:
        contributions = self._state.contributions(rows)
        found = {"score": self._state.score_of(contributions), "contributions": contributions}
        return [found[name] for name in outputs]


def _scorer_of(archive: Archive, width: int) -> _Scorer:
    if STATE in archive.parts:
        _check_classes(0, len(archive.manifest.classes))
        return _State(archive.parts[STATE], width)
    graph = _Graph(archive.parts[GRAPH], width)
    _check_classes(graph.classes, len(archive.manifest.classes))
    return graph


def score_state(part: bytes, x: ArrayLike) -> tuple[Floats, Floats]:
    """As `score_graph`, by a state; raises NotAModel where it is none."""
    rows = check_rows(x)
    scores, contributions = _State(part, rows.shape[1]).run(["score", "contributions"], rows)
    return scores, contributions


def score_graph(graph: bytes, x: ArrayLike) -> tuple[Floats, Floats]:
    """Scores (n,) and contributions (n, d) of rows (n, d) by a graph alone, not rounded, to compare with; n ≥ 1.

    Raises:
        NotAModel: The graph is none that a sealed model may hold.
    """
    rows = check_rows(x, at_least=1)  # no rows through an LSTM end the process: ONNX Runtime aborts
    session, _ = _open_graph(graph, rows.shape[1])
    scores, contributions = _run(session, ["score", "contributions"], rows)
    return scores, contributions


def _check_classes(told: int, count: int) -> None:
    if told != count or count == 1:
        raise NotAModel(
            f"its graph tells {told} kinds of rows apart, and its manifest names {count}; "
            "use a file that `oddflow learn` wrote"
        )


def _outputs(session: Any, outputs: Sequence[str], rows: Floats) -> list[Any]:
    try:
        return session.run(list(outputs), {"x": rows})  # type: ignore[no-any-return]
    except runtime_errors() as error:
        raise _cannot_run(_first_line(error)) from None


def _run(session: Any, outputs: Sequence[str], rows: Floats) -> list[Floats]:
    found = _outputs(session, outputs, rows)
    if not np.isfinite(found[0]).all():
        # a score that is no number is under every threshold: odd flows would pass unseen
        raise _cannot_run("it gives scores that are no finite numbers")
    return found


def _cannot_run(reason: str) -> NotAModel:
    return NotAModel(f"its graph cannot be run: {reason}; use a file that `oddflow learn` wrote")


def _fingerprint(archive: Archive) -> str:
    """Names what the model does, not when, how fast or by whom it was made, nor what was measured of it."""
    parts = sorted((name, digest) for name, digest in archive.manifest.parts.items() if name != CARD)
    return hashlib.sha256(f"{archive.manifest.feature_schema_sha256} {parts}".encode()).hexdigest()[:12]


def _open_graph(graph: bytes, width: int) -> "tuple[Any, Sizes]":
    """A session for the graph, once it is checked, and how much its values hold."""
    # it takes a while to import, and `--help` does not need it
    from oddflow.models.allowed import check_graph

    sizes = check_graph(graph, width)
    return _session(graph), sizes


def _session(graph: bytes) -> Any:
    """Runs a graph that was checked."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except runtime_errors() as error:
        raise _cannot_run(_first_line(error)) from None


def runtime_errors() -> tuple[type[Exception], ...]:
    """ONNX Runtime's own exceptions have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception))
    return (*own, RuntimeError, ValueError, IndexError)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]
