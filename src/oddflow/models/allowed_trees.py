"""What a node of trees in a sealed graph may be: ONNX Runtime walks it as it is told, so all of it is checked before.

Each tree's root is its node 0, children stand behind their parents and have one each, so that each walk ends; a column
that is asked for exists; a row takes at most `MOST_DEPTH` steps a tree.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from oddflow.models.graph import TREES, TREES_OPSET

DOMAIN, VERSION = TREES, TREES_OPSET
OPERATOR = "TreeEnsembleRegressor"
MOST_TREES = 4_096
MOST_TREE_NODES = 4_000_000
MOST_DEPTH = 512
MOST_TARGETS = 64

_A = onnx.AttributeProto
_NODE_INTS = ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
_TARGET_INTS = ("target_treeids", "target_nodeids", "target_ids")
_TYPES: dict[str, Any] = (
    dict.fromkeys((*_NODE_INTS, *_TARGET_INTS), _A.INTS)
    | dict.fromkeys(("nodes_values", "target_weights"), _A.FLOATS)
    | dict.fromkeys(("aggregate_function", "post_transform"), _A.STRING)
    | {"nodes_modes": _A.STRINGS, "n_targets": _A.INT}
)
Refused = Callable[[str], Exception]


def check_trees(node: onnx.NodeProto, width: int, refused: Refused) -> int:
    """Refuses trees that are not as the module says, by raising what `refused` makes of the reason.

    Args:
        node: The node.
        width: Columns d of the graph's x, which it must ask itself.
        refused: Makes the error.

    Returns:
        How many numbers it gives a row.
    """
    given = {attribute.name: attribute for attribute in node.attribute}
    if len(given) != len(node.attribute) or any(
        _TYPES.get(name) != attribute.type or attribute.ref_attr_name for name, attribute in given.items()
    ):
        raise refused(f"{OPERATOR} has an attribute that trees do not have")
    if missing := [name for name in _TYPES if name not in given]:
        raise refused(f"{OPERATOR} lacks {missing[0]}")
    if list(node.input) != ["x"] or len(node.output) != 1:
        raise refused("its trees ask something else than the rows")
    if given["aggregate_function"].s != b"SUM" or given["post_transform"].s != b"NONE":
        raise refused("its trees are not summed")
    targets = given["n_targets"].i
    if not 1 <= targets <= MOST_TARGETS:
        raise refused(f"its trees have {targets} targets; 1 to {MOST_TARGETS} are possible")
    count = len(given["nodes_treeids"].ints)
    if not 1 <= count <= MOST_TREE_NODES or len(given["target_ids"].ints) > MOST_TREE_NODES * targets:
        raise refused(f"its trees have {count} nodes; 1 to {MOST_TREE_NODES} are possible")
    lengths = {len(given[name].ints) for name in _NODE_INTS}
    lengths |= {len(given["nodes_values"].floats), len(given["nodes_modes"].strings)}
    ends = {len(given[name].ints) for name in _TARGET_INTS} | {len(given["target_weights"].floats)}
    if lengths != {count} or len(ends) != 1:
        raise refused("its trees' lists differ in length")
    if not np.isfinite([*given["nodes_values"].floats, *given["target_weights"].floats]).all():
        raise refused("its trees hold numbers that are not finite")
    _check_shape(given, width, targets, refused)
    return int(targets)


def _check_shape(given: dict[str, onnx.AttributeProto], width: int, targets: int, refused: Refused) -> None:
    tree, place, feature, left, right = (np.array(given[name].ints, np.int64) for name in _NODE_INTS)
    modes = np.array(list(given["nodes_modes"].strings), object)
    leaf = modes == b"LEAF"
    if not (leaf | (modes == b"BRANCH_LEQ")).all():
        raise refused("its trees ask other questions than whether a number is at most another")
    first = np.flatnonzero(np.diff(tree, prepend=-1))
    sizes = np.diff(np.append(first, len(tree)))
    if len(first) > MOST_TREES or not np.array_equal(tree, np.repeat(np.arange(len(first)), sizes)):
        raise refused(f"its trees are not numbered from 0 to at most {MOST_TREES}")
    start, size = np.repeat(first, sizes), np.repeat(sizes, sizes)
    if not np.array_equal(place, np.arange(len(tree)) - start):
        raise refused("its trees' nodes are not numbered from 0")
    if ((feature < 0) | (feature >= width)).any():
        raise refused(f"its trees ask columns beyond the {width} that there are")
    children = np.concatenate([left[~leaf], right[~leaf]])
    parents = np.tile(place[~leaf], 2)
    if ((children <= parents) | (children >= np.tile(size[~leaf], 2))).any() or left[leaf].any() or right[leaf].any():
        raise refused("its trees have a child that does not stand behind its parent")
    held = np.bincount(children + np.tile(start[~leaf], 2), minlength=len(tree))
    if (held != (place > 0)).any():
        raise refused("its trees have a node without a parent, or with two")
    _check_depth(start, leaf, left, right, refused)
    target_tree, target_node, target = (np.array(given[name].ints, np.int64) for name in _TARGET_INTS)
    known = (target_tree >= 0) & (target_tree < len(first)) & (target >= 0) & (target < targets) & (target_node >= 0)
    if not known.all() or (target_node >= sizes[target_tree]).any() or not leaf[first[target_tree] + target_node].all():
        raise refused("its trees add where there is no leaf")


def _check_depth(
    start: NDArray[np.int64],
    leaf: NDArray[np.bool_],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    refused: Refused,
) -> None:
    level = np.unique(start)
    for _ in range(MOST_DEPTH):
        inner = level[~leaf[level]]
        if not len(inner):
            return
        level = np.concatenate([left[inner], right[inner]]) + np.tile(start[inner], 2)
    raise refused(f"its trees are deeper than {MOST_DEPTH}")
