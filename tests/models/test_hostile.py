"""Whatever a model file holds, the answer is a model error or the very same model."""

import hashlib
import io
import json
import random
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from oddflow.errors import ModelError, NotAModel, Tampered
from oddflow.models.format import CALIBRATION, GRAPH, MANIFEST, MOST_BYTES, pack, unpack
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import SealedModel

from .make import archive, graph

WHOLE = pack(archive())


def rebuilt(*, rows=None, **contents):
    """A model with other parts, honestly hashed unless the manifest itself is given."""
    sealed = archive()
    parts = dict(sealed.parts) | {name: part for name, part in contents.items() if name != MANIFEST}
    document = sealed.manifest.model_dump(mode="json")
    document["parts"] = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    if rows is not None:
        document["calibration"]["rows"] = rows
    return zipped({MANIFEST: contents.get(MANIFEST, json.dumps(document).encode()), **parts})


def zipped(contents, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return buffer.getvalue()


def contents_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_the_whole_file_loads():
    assert SealedModel.from_bytes(WHOLE).score(np.ones((1, 3)))[0].tolist() == [3]


@pytest.mark.parametrize("length", sorted({*range(0, len(WHOLE), 97), *range(len(WHOLE) - 40, len(WHOLE))}))
def test_a_cut_file_is_no_model(length):
    with pytest.raises(NotAModel):
        unpack(WHOLE[:length])


def test_no_bit_flip_goes_through_or_ends_in_another_error():
    draw = random.Random(0)
    original = archive()
    for _ in range(1_500):
        content = bytearray(WHOLE)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        try:
            found = unpack(bytes(content))
        except ModelError:
            continue
        # times and attributes of a zip entry mean nothing; all that does is the same
        assert found == original


def test_a_flipped_bit_in_a_part_is_tampering():
    for part in (archive().parts[GRAPH], archive().parts[CALIBRATION]):
        content = bytearray(WHOLE)
        content[WHOLE.index(part) + len(part) // 2] ^= 1
        with pytest.raises(Tampered):
            unpack(bytes(content))


def test_a_part_that_was_exchanged_is_tampering():
    contents = contents_of(WHOLE) | {GRAPH: graph(4).SerializeToString()}
    with pytest.raises(Tampered, match=r"graph\.onnx does not match"):
        unpack(zipped(contents))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(content):
    for start in (b"", b"PK\x03\x04", WHOLE[:200]):
        with pytest.raises(NotAModel):
            unpack(start + content)


@pytest.mark.parametrize(
    "names",
    [
        ["../graph.onnx"], ["/etc/passwd"], ["weights.pkl"], ["a/../manifest.json"], ["GRAPH.ONNX"], ["b"],
    ],
)  # fmt: skip
def test_names_that_do_not_belong_are_refused(names):
    with pytest.raises(NotAModel, match="a sealed model holds"):
        unpack(zipped(contents_of(WHOLE) | dict.fromkeys(names, b"x")))


@pytest.mark.parametrize("name", [MANIFEST, GRAPH, CALIBRATION])
def test_a_missing_part_is_no_model(name):
    contents = contents_of(WHOLE)
    del contents[name]
    with pytest.raises(NotAModel, match="a sealed model holds"):
        unpack(zipped(contents))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_there_twice_is_no_model():
    buffer = io.BytesIO(WHOLE)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr(GRAPH, b"another")
    with pytest.raises(NotAModel):
        unpack(buffer.getvalue())


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = zipped(contents_of(WHOLE) | {GRAPH: bytes(200 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    with pytest.raises(NotAModel, match="compressed"):
        unpack(bomb)


def test_a_claim_larger_than_the_limit_is_refused():
    content = zipped(contents_of(WHOLE) | {MANIFEST: b" " * (MOST_BYTES[MANIFEST] + 1)})
    with pytest.raises(NotAModel, match="at most 8 MiB"):
        unpack(content)


@pytest.mark.parametrize("document", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 200_000, b'"x"', b"null", b"1e999"])
def test_a_manifest_that_is_no_object_is_refused(document):
    with pytest.raises(NotAModel, match=r"manifest\.json"):
        unpack(rebuilt(**{MANIFEST: document}))


@pytest.mark.parametrize("part", [b"", b"x" * 40, b"\xff" * 8, (1 << 62).to_bytes(8, "little") + b"{}"])
def test_tensors_that_are_none_are_refused(part):
    with pytest.raises(NotAModel, match="calibration"):
        unpack(rebuilt(**{CALIBRATION: part}))


def _changed(change):
    model = graph()
    change(model)
    return model


def _node(*outputs, operator="Relu", inputs=("x",), domain="", **attributes):
    def change(model):
        made = helper.make_node(operator, list(inputs), list(outputs) or ["extra"], domain=domain, **attributes)
        model.graph.node.insert(0, made)

    return change


def _external(model):
    constant = model.graph.initializer.add(name="far", data_type=TensorProto.FLOAT, dims=[1])
    constant.data_location = TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="/etc/passwd")


def _short_constant(model):
    model.graph.initializer.add(name="huge", data_type=TensorProto.FLOAT, dims=[1 << 40], raw_data=b"abcd")


def _wide(model):
    for step in range(15):
        source = "x" if not step else f"wide{step - 1}"
        model.graph.node.insert(step, helper.make_node("Concat", [source, source], [f"wide{step}"], axis=1))


def _rows(model):
    model.graph.node.insert(0, helper.make_node("Concat", ["x", "x"], ["rows"], axis=0))


def _empty(model):
    ends = [numpy_helper.from_array(np.array([end], np.int64), f"end{end}") for end in (0, 1)]
    model.graph.initializer.extend(ends)
    model.graph.node.insert(0, helper.make_node("Slice", ["x", "end0", "end0", "end1"], ["empty"]))


def _turned(model):
    """A value of two rows' axes: rows times columns of one, and rows of the other."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "turned"], ["squared"]),
    ]
    for node in reversed(nodes):
        model.graph.node.insert(0, node)


def _much_padding(model):
    """A pool that gives far more than it is given, by its borders."""
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    model.graph.initializer.append(axes)
    pads = [1 << 16, 1 << 16]
    model.graph.node.insert(
        0, helper.make_node("AveragePool", ["channel"], ["far"], kernel_shape=[(1 << 16) + 1], pads=pads)
    )
    model.graph.node.insert(0, helper.make_node("Unsqueeze", ["x", "axes"], ["channel"]))


def _opset(model):
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _function(model):
    model.functions.add(name="f", domain="d")


def _second_input(model):
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3]))


def _renamed_output(model):
    model.graph.output[0].name = "other"


def _fixed_batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


BRANCH = helper.make_graph([], "branch", [], [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_node(operator="If", then_branch=BRANCH, else_branch=BRANCH), "'If' is not allowed"),
        (_node(operator="Loop", body=BRANCH), "'Loop' is not allowed"),
        (_node(operator="NonZero"), "'NonZero' is not allowed"),
        (_node(operator="Relu", domain="com.evil"), "com.evil.'Relu' is not allowed"),
        (_node(operator="Relu", note="text"), "no plain number"),
        (_node(inputs=("nowhere",)), "not sound"),
        (_external, "another file"),
        (_short_constant, "not as long"),
        (_wide, "numbers a row"),
        (_rows, "joins rows"),
        (_empty, "no numbers"),
        (_turned, "numbers a row"),
        (_much_padding, "numbers a row"),
        (_opset, "operator sets"),
        (_function, "functions"),
        (_second_input, "inputs must be"),
        (_renamed_output, "outputs must be"),
        (_fixed_batch, "inputs must be"),
    ],
)
def test_a_graph_that_could_do_more_than_score_is_refused(change, words):
    content = rebuilt(**{GRAPH: _changed(change).SerializeToString()})
    with pytest.raises(NotAModel, match=words):
        SealedModel.from_bytes(content)


@pytest.mark.parametrize("content", [b"", b"x", b"\x00" * 100, b"\xff" * 100, graph().SerializeToString()[:60]])
def test_bytes_that_are_no_graph_are_refused(content):
    with pytest.raises(NotAModel, match="graph"):
        SealedModel.from_bytes(rebuilt(**{GRAPH: content}))


def test_a_graph_of_another_width_is_refused():
    with pytest.raises(NotAModel, match=r"x \(n, 3\)"):
        SealedModel.from_bytes(rebuilt(**{GRAPH: graph(4).SerializeToString()}))


def test_no_flipped_bit_in_a_graph_ends_in_another_error():
    draw = random.Random(1)
    whole = graph().SerializeToString()
    for _ in range(400):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        try:
            model = SealedModel.from_bytes(rebuilt(**{GRAPH: bytes(content)}))
            scores, parts = model.score(np.ones((2, 3)))
        except NotAModel:
            continue
        assert scores.shape == (2,)
        assert parts.shape == (2, 3)


def test_a_graph_may_hold_what_detectors_write():
    assert isinstance(graph(), ModelProto)
    SealedModel.from_bytes(rebuilt(**{GRAPH: graph().SerializeToString()}))


def _scored(builder, score):
    return builder.finish(score=score, contributions=builder.x).SerializeToString()


def test_a_graph_that_fails_when_it_runs_is_no_model():
    builder = GraphBuilder(3)
    table = builder.constant(np.ones((2, 1), np.float32))
    # looks up a place that the table does not have
    place = builder.add("Cast", builder.row_sum(builder.x), to=7)
    rows = builder.add("Gather", table, place, axis=0)
    model = SealedModel.from_bytes(rebuilt(**{GRAPH: _scored(builder, builder.row_sum(rows))}))
    assert model.score(np.zeros((1, 3)))[0].tolist() == [1]
    for give in (model.score, model.scores):
        with pytest.raises(NotAModel, match="cannot be run"):
            give(np.full((1, 3), 1000.0))


def test_scores_that_are_no_numbers_are_refused():
    builder = GraphBuilder(3)
    content = _scored(builder, builder.row_sum(builder.add("Log", builder.x)))
    with pytest.raises(NotAModel, match="no finite numbers"):
        SealedModel.from_bytes(rebuilt(**{GRAPH: content})).score(np.full((1, 3), -1.0))
