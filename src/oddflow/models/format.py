"""The sealed model file: one zip of plain, hashed parts.

    manifest.json               what the model is, and the SHA-256 of each other part (manifest.py)
    graph.onnx                  raw feature rows to scores and contributions (allowed.py: what it may hold)
    state.safetensors           or, in its place, arrays that a kernel of ours runs (state.py)
    calibration.safetensors     scores of held-back normal rows and where these came from (held_back.py)
    groups.safetensors          optional: what groups of flows come to (verdicts/collective/)
    weights.safetensors         optional: what further training starts from
    usual.safetensors           optional: how the baseline is spread, to tell drift by (usual.py)
    card.json                   optional: tables of an evaluation (card.py)
    signature.json              optional: who answers for the manifest, and so for all parts (signature.py)
    prototypes.safetensors      optional: a few normal rows (prototypes.py)

Parts are stored, not compressed: the same content gives the same bytes, and no small file can unfold into a
large one. The hashes tell that the parts belong together and arrived whole; only a signature tells who made it.
"""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
from oddflow.models.card import Card
from oddflow.models.held_back import HeldBack, Origins
from oddflow.models.manifest import FORMAT_VERSION, Calibration, Manifest, schema_sha256
from oddflow.models.prototypes import open_prototypes, prototypes_part
from oddflow.models.signature import Signature
from oddflow.models.signing_keys import SigningKey
from oddflow.models.zip_layout import fault_of

MANIFEST, GRAPH, STATE, CALIBRATION, GROUPS, WEIGHTS, USUAL, PROTOTYPES, CARD, SIGNATURE = (
    "manifest.json", "graph.onnx", "state.safetensors", "calibration.safetensors", "groups.safetensors",
    "weights.safetensors", "usual.safetensors", "prototypes.safetensors", "card.json", "signature.json",
)  # fmt: skip
NEEDED = frozenset({MANIFEST, CALIBRATION})
SCORERS = frozenset({GRAPH, STATE})
"""A model holds one of them."""
OPTIONAL = frozenset({GROUPS, WEIGHTS, USUAL, PROTOTYPES, CARD, SIGNATURE})
MEBIBYTE = 1 << 20
MOST_BYTES = {
    MANIFEST: 8 * MEBIBYTE,
    GRAPH: 256 * MEBIBYTE,
    STATE: 64 * MEBIBYTE,
    CALIBRATION: 64 * MEBIBYTE,
    GROUPS: 64 * MEBIBYTE,
    WEIGHTS: 256 * MEBIBYTE,
    USUAL: 2 * MEBIBYTE,
    CARD: 2 * MEBIBYTE,
    SIGNATURE: 1 * MEBIBYTE,
    PROTOTYPES: 16 * MEBIBYTE,
}
MOST_BYTES_TOTAL = 512 * MEBIBYTE

_STORED_AT = (1980, 1, 1, 0, 0, 0)
_BROKEN = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, struct.error,
)  # fmt: skip

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Archive:
    """A sealed model in memory: its manifest, its other parts by name, and a signature, where one holds."""

    manifest: Manifest
    parts: dict[str, bytes]
    signature: Signature | None = None

    @property
    def card(self) -> Card | None:
        """The tables of an evaluation, where it brings some."""
        return Card.read(self.parts[CARD]) if CARD in self.parts else None

    @property
    def held_back(self) -> Floats:
        """Scores of held-back normal rows, ascending, (n,) float32.

        Raises:
            NotAModel: The part holds something else.
        """
        return self.sample.scores

    @property
    def sample(self) -> HeldBack:
        """The same with the origins of the rows, where these are known.

        Raises:
            NotAModel: The part holds something else.
        """
        return _held_back(self.parts[CALIBRATION], self.manifest.calibration)

    @property
    def prototypes(self) -> Floats:
        """Normal rows that stand for all, (p, d) float32; (0, d) where it has none.

        Raises:
            NotAModel: The part holds something else.
        """
        width = len(self.manifest.features)
        part = self.parts.get(PROTOTYPES)
        return np.zeros((0, width), np.float32) if part is None else open_prototypes(part, width)


def seal(
    manifest: Manifest,
    scorer: bytes,
    held_back: Floats,
    weights: dict[str, Floats] | None = None,
    *,
    part: str = GRAPH,
    usual: bytes | None = None,
    origins: Origins | None = None,
    prototypes: Floats | None = None,
) -> Archive:
    """Puts the parts together, their hashes into the manifest.

    Args:
        manifest: What the model says of itself.
        scorer: What gives the scores: a graph or a state.
        held_back: Scores of held-back rows, (n,), in any order.
        weights: What further training starts from.
        part: Which of both the scorer is, GRAPH or STATE.
        usual: How the baseline is spread, as `usual.usual_part` writes it.
        origins: Of the held-back rows, in the same order, by blocks as long as the manifest says.
        prototypes: Normal rows that stand for all, (p, d).
    """
    sample = HeldBack.of(np.asarray(held_back, np.float32), origins, manifest.calibration.block_s)
    parts = {part: scorer, CALIBRATION: save_tensors(sample.tensors())}
    if weights:
        parts[WEIGHTS] = save_tensors({name: np.ascontiguousarray(weights[name]) for name in sorted(weights)})
    if prototypes is not None:
        parts[PROTOTYPES] = prototypes_part(prototypes)
    if usual is not None:
        parts[USUAL] = usual
    hashes = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    return Archive(manifest.model_copy(update={"parts": hashes}), parts)


def with_card(archive: Archive, card: Card) -> Archive:
    """The same model with the tables of an evaluation; it is to be signed again."""
    parts = archive.parts | {CARD: card.written()}
    hashes = archive.manifest.parts | {CARD: hashlib.sha256(parts[CARD]).hexdigest()}
    return Archive(archive.manifest.model_copy(update={"parts": hashes}), parts)


def sign(archive: Archive, key: SigningKey) -> Archive:
    """The same model, signed."""
    manifest = _of_this_format(archive.manifest)
    return replace(archive, manifest=manifest, signature=key.sign(_document(manifest)))


def _of_this_format(manifest: Manifest) -> Manifest:
    """What is written has all fields that are known here, whatever it was read from."""
    return manifest.model_copy(update={"format_version": FORMAT_VERSION})


def _document(manifest: Manifest) -> bytes:
    told = _of_this_format(manifest).model_dump(mode="json")
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False).encode()


def with_groups(archive: Archive, part: bytes) -> Archive:
    """The model with what groups of flows come to, its hash in the manifest."""
    hashes = archive.manifest.parts | {GROUPS: hashlib.sha256(part).hexdigest()}
    return Archive(archive.manifest.model_copy(update={"parts": hashes}), archive.parts | {GROUPS: part})


def pack(archive: Archive) -> bytes:
    """The bytes of the file; the same for the same content.

    Raises:
        Tampered: It was changed after it was signed.
    """
    contents = {MANIFEST: _document(archive.manifest), **{name: archive.parts[name] for name in sorted(archive.parts)}}
    if archive.signature is not None:
        # a newer Oddflow knows more fields than were signed, so the manifest stays as it was written
        if Manifest.model_validate_json(archive.signature.manifest) != archive.manifest:
            raise Tampered("the model was changed after it was signed; sign it again")
        contents |= {MANIFEST: archive.signature.manifest, SIGNATURE: archive.signature.written()}
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
        Tampered: A part does not match its hash, or the signature does not hold.
    """
    if len(content) > MOST_BYTES_TOTAL:
        raise NotAModel(f"{name}: larger than {MOST_BYTES_TOTAL // MEBIBYTE} MiB, the most that a sealed model may be")
    parts = _parts(content, name)
    document, signed = parts.pop(MANIFEST), parts.pop(SIGNATURE, None)
    signature = None if signed is None else _signature(signed, document, name)
    manifest = _manifest(document, name)
    if set(manifest.parts) != set(parts):
        raise NotAModel(
            f"{name}: its manifest lists {_listed(manifest.parts)}, the file holds {_listed(parts)}; learn it again"
        )
    for part, expected in manifest.parts.items():
        if hashlib.sha256(parts[part]).hexdigest() != expected:
            raise Tampered(f"{name}: {part} does not match its SHA-256 in the manifest; use the original file")
    archive = Archive(manifest, parts, signature)
    try:
        _ = archive.sample, archive.prototypes
    except NotAModel as error:
        raise NotAModel(f"{name}: {error}") from None
    try:
        _ = archive.card
    except ValueError as error:
        raise NotAModel(f"{name}: {CARD} is {error}; attach it again with `oddflow models card`") from None
    return archive


def _signature(signed: bytes, document: bytes, name: str) -> Signature:
    try:
        signature = Signature.read(signed, document)
    except ValueError as error:
        raise NotAModel(f"{name}: {SIGNATURE} is {error}; sign it again") from None
    if not signature.holds:
        raise Tampered(f"{name}: the signature of {signature.signer} does not hold for it; use the original file")
    return signature


def _parts(content: bytes, name: str) -> dict[str, bytes]:
    if not content.startswith(b"PK\x03\x04"):
        raise NotAModel(f"{name}: no sealed model; expected a file that `oddflow learn` wrote")
    if fault := fault_of(content):
        raise NotAModel(f"{name}: cut or broken, for {fault}; copy or learn it again")
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
            f"most {_listed(OPTIONAL)} beside them"
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


def _held_back(part: bytes, told: Calibration) -> HeldBack:
    try:
        tensors = load_tensors(part)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAModel(f"{CALIBRATION} holds no tensors ({error}); learn it again") from None
    return HeldBack.checked(tensors, told.rows, told.block_s, CALIBRATION)


def _listed(names: Iterable[str]) -> str:
    shown = sorted(set(names))
    return ", ".join(repr(name) for name in shown[:6]) + (", …" if len(shown) > 6 else "") if shown else "nothing"
