"""A sealed model that tells kinds of attack apart."""

import numpy as np
import pytest

from oddflow.errors import NotAModel, UsageError
from oddflow.models.format import pack
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import SealedModel

from .make import archive

NAMES = ["normal", "dos", "probe"]


def telling(count=3, name="classes"):
    """Its classes are the softmax of a row's own columns."""
    builder = GraphBuilder(3)
    builder.tell_classes(builder.add("Softmax", builder.x, axis=1), count)
    squares = builder.add("Mul", builder.x, builder.x)
    graph = builder.finish(score=builder.row_sum(squares), contributions=squares)
    graph.graph.output[-1].name = graph.graph.node[-1].output[0] = name
    return graph.SerializeToString()


def test_it_tells_each_kind_and_the_likeliest_attack():
    model = SealedModel.from_bytes(pack(archive(content=telling(), classes=NAMES)))
    rows = np.log([[0.7, 0.1, 0.2], [0.1, 0.5, 0.4]])
    np.testing.assert_allclose(model.classes(rows), np.exp(rows), rtol=1e-4)
    assert [model.likeliest_attack(row)[0] for row in rows] == ["probe", "dos"]
    assert model.likeliest_attack(rows[0])[1] == pytest.approx(0.2, rel=1e-4)
    assert model.score(rows)[0].shape == (2,)


def test_one_that_tells_none_says_so():
    model = SealedModel(archive())
    assert model.likeliest_attack(np.ones(3)) == ("", 0.0)
    with pytest.raises(UsageError, match="does not tell kinds of attack apart"):
        model.classes(np.ones((1, 3)))


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (telling(), []),
        (telling(), NAMES[:2]),
        (telling(count=2), NAMES[:2]),
        (telling(name="kinds"), NAMES),
        (None, NAMES),
        (None, NAMES[:1]),
    ],
)
def test_a_graph_that_tells_others_than_its_manifest_names_is_refused(content, names):
    with pytest.raises(NotAModel):
        SealedModel(archive(content=content, classes=names))
