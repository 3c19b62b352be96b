"""Files that were made to do harm: each is tried, and each stands in the table of docs/models.md."""

import io
import json
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from oddflow.errors import ModelError, NotAModel, Tampered, Untrusted
from oddflow.models.format import CARD, GRAPH, MANIFEST, SIGNATURE, pack, sign, unpack
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import SealedModel
from oddflow.models.signing_keys import make_pair, read_signing_key
from oddflow.models.trust import Trust

from .make import archive, graph
from .test_hostile import _external, _node, contents_of, rebuilt, zipped

WHOLE = pack(archive())
PAGE = Path(__file__).parents[2] / "docs" / "models.md"
END = struct.Struct("<4sHHHHIIH")
ATTACKS = {}


def attack(name, words, error=NotAModel):
    """Registers what makes the file of an attack, and what the refusal says."""

    def registered(make):
        ATTACKS[name] = (make, words, error)
        return make

    return registered


def graphed(*changes):
    """An honest file whose graph was changed."""
    model = graph()
    for change in changes:
        change(model)
    return rebuilt(**{GRAPH: model.SerializeToString()})


def ended(content, **fields):
    """The same zip with other fields in its end."""
    names = ("signature", "disk", "first", "here", "count", "size", "start", "comment")
    told = dict(zip(names, END.unpack(content[-END.size :]), strict=True)) | fields
    return content[: -END.size] + END.pack(*told.values())


@attack("zip bomb: a part that unfolds to 200 MiB", "compressed")
def bomb():
    return zipped(contents_of(WHOLE) | {GRAPH: bytes(200 << 20)}, zipfile.ZIP_DEFLATED)


@attack("path trick: a member named ../../etc/cron.d/x", "a sealed model holds")
def path_trick():
    return zipped(contents_of(WHOLE) | {"../../etc/cron.d/x": b"* * * * * root true"})


@attack("a pickle as one more member", "a sealed model holds")
def pickle():
    return zipped(contents_of(WHOLE) | {"weights.pkl": b"\x80\x04."})


@attack("two members of one name", "a sealed model holds")
def twice():
    buffer = io.BytesIO(WHOLE)
    with zipfile.ZipFile(buffer, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr(GRAPH, graph(4).SerializeToString())
    return buffer.getvalue()


@attack("members that share bytes (overlap)", "overlap")
def overlap():
    start = WHOLE.index(b"PK\x01\x02")
    second = WHOLE.index(b"PK\x01\x02", start + 4)
    content = bytearray(WHOLE)
    content[second + 42 : second + 46] = bytes(4)  # the second begins where the first does
    return bytes(content)


@attack("a member whose two headers differ", "differ")
def two_names():
    return WHOLE[::-1].replace(b"calibration.safetensors"[::-1], b"calibration.safetensorZ"[::-1], 1)[::-1]


@attack("sizes behind the data (data descriptors)", "sizes elsewhere")
def descriptors():
    content = bytearray(WHOLE)
    content[WHOLE.index(b"PK\x01\x02") + 8] |= 8
    content[6] |= 8
    return bytes(content)


@attack("Zip64: true sizes in another place", "Zip64")
def zip64():
    return ended(WHOLE, here=0xFFFF, count=0xFFFF, size=0xFFFFFFFF, start=0xFFFFFFFF)


@attack("extra fields", "extra fields")
def extra():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in contents_of(WHOLE).items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH4s", 0xCAFE, 4, b"hide")
            file.writestr(info, content)
    return buffer.getvalue()


@attack("a comment behind the directory", "follows its end")
def comment():
    buffer = io.BytesIO(WHOLE)
    with zipfile.ZipFile(buffer, "a") as file:
        file.comment = b"hello"
    return buffer.getvalue()


@attack("bytes behind the end", "follows its end")
def trailing():
    return WHOLE + b"more"


@attack("bytes between members", "overlap, or are not in the order|belong to no member")
def between():
    directory = WHOLE.index(b"PK\x01\x02")
    content = WHOLE[:directory] + b"hidden" + WHOLE[directory:]
    return ended(content, start=directory + 6)


@attack("another zip before this one", "belong to no member")
def two_zips():
    return ended(WHOLE + WHOLE, start=len(WHOLE) + WHOLE.index(b"PK\x01\x02"))


@attack("a hundred thousand members", "more than 64 members|Zip64")
def members():
    return ended(WHOLE, here=50_000, count=50_000)


@attack("an altered part", r"does not match its SHA-256", Tampered)
def altered():
    return zipped(contents_of(WHOLE) | {GRAPH: graph(4).SerializeToString()})


@attack("an altered manifest under an old signature", "does not hold", Tampered)
def altered_manifest(key):
    contents = contents_of(pack(sign(archive(), key)))
    document = json.loads(contents[MANIFEST]) | {"note": "altered"}
    return zipped(contents | {MANIFEST: json.dumps(document).encode()})


@attack("a signature of another model", "does not hold", Tampered)
def borrowed(key):
    other = contents_of(pack(sign(archive(detector="other"), key)))
    return zipped(contents_of(WHOLE) | {SIGNATURE: other[SIGNATURE]})


@attack("a signature that is none", r"signature\.json is wrong")
def no_signature():
    return zipped(contents_of(WHOLE) | {SIGNATURE: b'{"algorithm": "none"}'})


@attack("an unsigned model where a signature is asked for", "not signed", Untrusted)
def unsigned():
    return WHOLE


@attack("a model signed by a stranger", "not trusted", Untrusted)
def stranger(_key, other):
    return pack(sign(archive(), other))


@attack("a card with markup of another kind", r"card\.json is wrong")
def card():
    return rebuilt(**{CARD: b'{"tables": [], "script": "x"}'})


@attack("a manifest of a million brackets", r"manifest\.json")
def brackets():
    return rebuilt(**{MANIFEST: b"[" * 1_000_000})


@attack("an operator that runs code of others (PyOp)", "'PyOp' is not allowed")
def custom():
    return graphed(_node(operator="PyOp", domain="ai.onnx.contrib"))


@attack("a subgraph in a branch (If)", "'If' is not allowed")
def branch():
    body = helper.make_graph([], "branch", [], [])
    return graphed(_node(operator="If", then_branch=body, else_branch=body))


@attack("a loop without an end (Loop)", "'Loop' is not allowed")
def loop():
    return graphed(_node(operator="Loop", body=helper.make_graph([], "body", [], [])))


@attack("a subgraph as an attribute of an allowed operator", "no plain number")
def attribute():
    return graphed(_node(operator="Relu", hidden=helper.make_graph([], "hidden", [], [])))


@attack("a function of its own", "functions")
def function():
    return graphed(lambda model: model.functions.add(name="Relu", domain=""))


@attack("a constant that lies in another file", "another file")
def external():
    return graphed(_external)


@attack("sparse constants that unfold", "sparse")
def sparse():
    values = numpy_helper.from_array(np.ones(1, np.float32), "wide")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    return graphed(
        lambda model: model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [1 << 40]))
    )


@attack("a constant that claims 4 TiB", "not as long")
def huge():
    def change(model):
        model.graph.initializer.add(name="huge", data_type=TensorProto.FLOAT, dims=[1 << 40], raw_data=b"abcd")

    return graphed(change)


@attack("constants that multiply to 16 GiB", "numbers a row")
def product():
    builder = GraphBuilder(3)
    column, row = np.ones((1 << 16, 1), np.float32), np.ones((1, 1 << 16), np.float32)
    builder.add("MatMul", builder.constant(column), builder.constant(row))
    score = builder.row_sum(builder.x)
    return rebuilt(**{GRAPH: builder.finish(score=score, contributions=builder.x).SerializeToString()})


@attack("thousands of wide values alive at once (64 GiB a batch)", "numbers a row together")
def alive():
    builder = GraphBuilder(3)
    wide = builder.add("MatMul", builder.x, builder.constant(np.ones((3, 1 << 16), np.float32)))
    values = [builder.add("Abs", wide) for _ in range(1_500)]
    total = values[0]
    for value in values[1:]:
        total = builder.add("Add", total, value)
    return rebuilt(**{GRAPH: builder.finish(score=builder.row_sum(total), contributions=builder.x).SerializeToString()})


@attack("text in place of numbers", "not as long")
def texts():
    def change(model):
        model.graph.initializer.append(helper.make_tensor("text", TensorProto.STRING, [1], [b"/etc/passwd"]))

    return graphed(change)


@attack("shapes that lie", "numbers a row")
def lies():
    def change(model):
        for step in range(15):
            source = "x" if not step else f"wide{step - 1}"
            model.graph.node.insert(step, helper.make_node("Concat", [source, source], [f"wide{step}"], axis=1))
            model.graph.value_info.append(helper.make_tensor_value_info(f"wide{step}", TensorProto.FLOAT, ["n", 1]))

    return graphed(change)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A trusted key and another one, and who is trusted."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own", "other"):
        make_pair(str(folder / name))
    return [read_signing_key(str(folder / name)) for name in ("own", "other")], Trust.of([str(folder / "own.pub")])


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_with_one_line(name, keys, tmp_path):
    make, words, error = ATTACKS[name]
    content = make(*keys[0][: make.__code__.co_argcount])
    path = tmp_path / "hostile.oddflow"
    path.write_bytes(content)
    trust = keys[1] if error is Untrusted else None
    with pytest.raises(error, match=words) as caught:
        SealedModel.load(path, trust=trust)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))


def test_the_page_has_each_attack_and_no_other():
    told = re.findall(r"^\| ([^|]+) \| refused:", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name.replace("`", "").strip() for name in told] == list(ATTACKS)


def test_a_key_that_is_trusted_opens(keys, tmp_path):
    (own, _), trust = keys
    path = tmp_path / "a.oddflow"
    path.write_bytes(pack(sign(archive(), own)))
    assert SealedModel.load(path, trust=trust).archive.signature.public_key == own.public_key


def test_no_flipped_bit_of_a_signed_file_goes_through_as_signed(keys):
    (own, _), trust = keys
    whole = pack(sign(archive(), own))
    original = unpack(whole)
    draw = np.random.default_rng(3)
    for _ in range(600):
        content = bytearray(whole)
        content[draw.integers(len(content))] ^= 1 << draw.integers(8)
        try:
            found = unpack(bytes(content))
            trust.check(found, "x")
        except ModelError:
            continue
        assert found == original
