"""The sealed model file: one zip of plain, hashed parts.

    manifest.json               what the model is, and the SHA-256 of each other part (manifest.py)
    graph.onnx                  raw feature rows to scores and contributions (allowed.py: what it may hold)
    state.safetensors           or, in its place, arrays that a kernel of ours runs (state.py)
    calibration.safetensors     scores of held-back normal rows, ascending, float32
    weights.safetensors         optional: what further training starts from
    usual.safetensors           optional: how the baseline is spread, to tell drift by (usual.py)

Parts are stored, not compressed: the same content gives the same bytes, and no small file can unfold into a
large one. The hashes tell that the parts belong together and arrived whole; they do not tell who made it.
"""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from oddflow.errors import NotAModel, Tampered, Unreadable
from oddflow.files import whole_file
from oddflow.models.manifest import FORMAT_VERSION, Manifest, schema_sha256

MANIFEST, GRAPH, STATE, CALIBRATION, WEIGHTS, USUAL = (
    "manifest.json", "graph.onnx", "state.safetensors", "calibration.safetensors", "weights.safetensors",
    "usual.safetensors",
)  # fmt: skip
NEEDED = frozenset({MANIFEST, CALIBRATION})
SCORERS = frozenset({GRAPH, STATE})
"""A model holds one of them."""
MEBIBYTE = 1 << 20
MOST_BYTES = {
    MANIFEST: 8 * MEBIBYTE,
    GRAPH: 256 * MEBIBYTE,
    STATE: 64 * MEBIBYTE,
    CALIBRATION: 64 * MEBIBYTE,
    WEIGHTS: 256 * MEBIBYTE,
    USUAL: 2 * MEBIBYTE,
}
MOST_BYTES_TOTAL = 512 * MEBIBYTE

_STORED_AT = (1980, 1, 1, 0, 0, 0)
_DIRECTORY_ENTRY = b"PK\x01\x02"
_BROKEN = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, struct.error,
)  # fmt: skip

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Archive:
    """A sealed model in memory: its manifest and its other parts by name."""

    manifest: Manifest
    parts: dict[str, bytes]

    @property
    def held_back(self) -> Floats:
        """Scores of held-back normal rows, ascending, (n,) float32.

        Raises:
            NotAModel: The part holds something else.
        """
        return _held_back(self.parts[CALIBRATION], self.manifest.calibration.rows)


def seal(
    manifest: Manifest,
    scorer: bytes,
    held_back: Floats,
    weights: dict[str, Floats] | None = None,
    *,
    part: str = GRAPH,
    usual: bytes | None = None,
) -> Archive:
    """Puts the parts together, their hashes into the manifest.

    Args:
        manifest: What the model says of itself.
        scorer: What gives the scores: a graph or a state.
        held_back: Scores of held-back rows, (n,), in any order.
        weights: What further training starts from.
        part: Which of both the scorer is, GRAPH or STATE.
        usual: How the baseline is spread, as `usual.usual_part` writes it.
    """
    scores = np.sort(np.asarray(held_back, np.float32))
    parts = {part: scorer, CALIBRATION: save_tensors({"scores": scores})}
    if weights:
        parts[WEIGHTS] = save_tensors({name: np.ascontiguousarray(weights[name]) for name in sorted(weights)})
    if usual is not None:
        parts[USUAL] = usual
    hashes = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    return Archive(manifest.model_copy(update={"parts": hashes}), parts)


def pack(archive: Archive) -> bytes:
    """The bytes of the file; the same for the same content."""
    document = json.dumps(archive.manifest.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False)
    contents = {MANIFEST: document.encode(), **{name: archive.parts[name] for name in sorted(archive.parts)}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, _STORED_AT)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            file.writestr(info, content)
    return buffer.getvalue()


def write_sealed(path: str | PathLike[str], archive: Archive) -> None:
    """Writes a sealed model; a file that is there stays as it was until the new one is whole.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_file(fspath(path)) as file:
        file.write(pack(archive))


def read_sealed(path: str | PathLike[str]) -> Archive:
    """Reads a sealed model file.

    Raises:
        Unreadable: There is no such file, or it may not be read.
        NotAModel, Tampered: See `unpack`.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            content = file.read(MOST_BYTES_TOTAL + 1)
    except OSError as error:
        raise Unreadable(
            f"{place}: the model cannot be read ({error.strerror or error}); give a file that `oddflow learn` wrote"
        ) from error
    return unpack(content, fspath(path))


def unpack(content: bytes, name: str = "model") -> Archive:
    """Checks the bytes of a sealed model and takes them apart; nothing in them is trusted or run.

    Args:
        content: The file's bytes.
        name: What to call it in messages.

    Raises:
        NotAModel: It is no sealed model, is cut, is of a newer format, or holds what it must not.
        Tampered: A part does not match its hash.
    """
    if len(content) > MOST_BYTES_TOTAL:
        raise NotAModel(f"{name}: larger than {MOST_BYTES_TOTAL // MEBIBYTE} MiB, the most that a sealed model may be")
    parts = _parts(content, name)
    manifest = _manifest(parts.pop(MANIFEST), name)
    if set(manifest.parts) != set(parts):
        raise NotAModel(
            f"{name}: its manifest lists {_listed(manifest.parts)}, the file holds {_listed(parts)}; learn it again"
        )
    for part, expected in manifest.parts.items():
        if hashlib.sha256(parts[part]).hexdigest() != expected:
            raise Tampered(f"{name}: {part} does not match its SHA-256 in the manifest; use the original file")
    archive = Archive(manifest, parts)
    try:
        _ = archive.held_back
    except NotAModel as error:
        raise NotAModel(f"{name}: {error}") from None
    return archive


def _parts(content: bytes, name: str) -> dict[str, bytes]:
    if not content.startswith(b"PK\x03\x04"):
        raise NotAModel(f"{name}: no sealed model; expected a file that `oddflow learn` wrote")
    if content.count(_DIRECTORY_ENTRY) > 10_000:
        raise NotAModel(f"{name}: more entries than a sealed model has; expected a file that `oddflow learn` wrote")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = file.infolist()
            _check_entries(entries, name)
            return {entry.filename: _read(file, entry, name) for entry in entries}
    except _BROKEN as error:
        raise NotAModel(f"{name}: cut or broken ({error}); copy or learn it again") from None


def _check_entries(entries: list[zipfile.ZipInfo], name: str) -> None:
    names = [entry.filename for entry in entries]
    is_whole = set(names) >= NEEDED and len(SCORERS & set(names)) == 1
    if len(names) != len(set(names)) or not set(names) <= set(MOST_BYTES) or not is_whole:
        raise NotAModel(
            f"{name}: holds {_listed(names)}; a sealed model holds {_listed(NEEDED)}, one of {_listed(SCORERS)} and at "
            f"most {WEIGHTS} and {USUAL} beside them"
        )
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size or entry.flag_bits & 1:
            raise NotAModel(f"{name}: {entry.filename} is compressed or encrypted; Oddflow stores its parts plain")
        if entry.file_size > MOST_BYTES[entry.filename]:
            most = MOST_BYTES[entry.filename] // MEBIBYTE
            raise NotAModel(f"{name}: {entry.filename} claims {entry.file_size} bytes; at most {most} MiB are read")


def _read(file: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    try:
        with file.open(entry) as part:
            content = part.read(entry.file_size + 1)
    except zipfile.BadZipFile as error:
        if "CRC" not in str(error):
            raise
        raise Tampered(f"{name}: {entry.filename} does not match its checksum; use the original file") from None
    if len(content) != entry.file_size:
        raise NotAModel(f"{name}: {entry.filename} is cut: {entry.file_size} bytes claimed, {len(content)} there")
    return content


def _manifest(document: bytes, name: str) -> Manifest:
    try:
        version = json.loads(document).get("format_version")
    except (ValueError, AttributeError, RecursionError):
        raise NotAModel(f"{name}: its {MANIFEST} is no JSON object; copy or learn it again") from None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise NotAModel(
            f"{name}: format {version}, and this Oddflow reads up to {FORMAT_VERSION}: "
            "upgrade it (pip install -U oddflow)"
        )
    try:
        manifest = Manifest.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise NotAModel(
            f"{name}: {MANIFEST} is wrong at {place or 'its top'}: {first['msg']}; learn it again"
        ) from None
    if len({feature.name for feature in manifest.features}) != len(manifest.features):
        raise NotAModel(f"{name}: {MANIFEST} names a feature twice; learn it again")
    if len(manifest.ranges) != len(manifest.features):
        raise NotAModel(
            f"{name}: {MANIFEST} has {len(manifest.features)} features and {len(manifest.ranges)} ranges; "
            "learn it again"
        )
    widths = {len(values) for group in manifest.groups for values in (group.low, group.high)}
    if widths - {len(manifest.features)}:
        raise NotAModel(f"{name}: {MANIFEST} has a group that is not as wide as its features; learn it again")
    if schema_sha256(manifest.features) != manifest.feature_schema_sha256:
        raise Tampered(f"{name}: the features do not match their SHA-256 in {MANIFEST}; use the original file")
    return manifest


def _held_back(part: bytes, rows: int) -> Floats:
    try:
        tensors = load_tensors(part)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAModel(f"{CALIBRATION} holds no tensors ({error}); learn it again") from None
    scores = tensors.get("scores")
    if set(tensors) != {"scores"} or scores is None or scores.dtype != np.float32 or scores.shape != (rows,):
        raise NotAModel(f"{CALIBRATION} must hold {rows} float32 scores alone, as the manifest says; learn it again")
    if not np.isfinite(scores).all() or (np.diff(scores) < 0).any():
        raise NotAModel(f"{CALIBRATION} must hold finite scores in ascending order; learn it again")
    return scores


def _listed(names: Iterable[str]) -> str:
    shown = sorted(set(names))
    return ", ".join(repr(name) for name in shown[:6]) + (", …" if len(shown) > 6 else "") if shown else "nothing"
