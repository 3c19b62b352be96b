import numpy as np
import pytest

from oddflow.datasets.readers.npz import FEATURES
from oddflow.errors import InputError, Unreadable
from tests.datasets.given import classes, rows_of

NAMES = ["normal", "attack"]


def read(folder, array, lines="1;0\r\n2;1\r\n", name="features"):
    np.savez_compressed(folder / "x.npz", **{name: array})
    (folder / "x.csv").write_text(lines)
    return rows_of("npz", folder, "x.npz", truth="x.csv", labels=NAMES, names=NAMES)


def test_a_row_for_each_packet_with_its_label(tmp_path):
    rows = read(tmp_path, np.arange(200.0).reshape(2, 100))
    assert rows.x[1, 3] == 103
    assert classes(rows) == {"normal": 1, "attack": 1}
    assert len({feature.name for feature in FEATURES}) == 100


@pytest.mark.parametrize(
    ("array", "lines", "what"),
    [
        (np.zeros((3, 100)), "1;0\n2;1\n", "expected 2 rows"),
        (np.zeros((2, 99)), "1;0\n2;1\n", "of 100"),
        (np.zeros((2, 100)), "1;0\n3;1\n", "line 2: b'3;1'; expected 2;LABEL"),
        (np.zeros((2, 100)), "1;0\n2;2\n", "line 2: .* from 0 to 1"),
        (np.zeros((2, 100)), "1;0\nx", "line 2"),
    ],
)
def test_what_does_not_belong_together_is_refused(tmp_path, array, lines, what):
    with pytest.raises(InputError, match=what):
        read(tmp_path, array, lines)


def test_another_array_is_named(tmp_path):
    with pytest.raises(InputError, match="no array called features"):
        read(tmp_path, np.zeros((2, 100)), name="scores")


def test_objects_are_never_unpickled(tmp_path):
    with pytest.raises(Unreadable, match="allow_pickle=False"):
        read(tmp_path, np.array([{"a": 1}] * 2, object))


def test_no_npz_file_is_unreadable(tmp_path):
    read(tmp_path, np.zeros((2, 100)))
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(Unreadable, match="npz"):
        rows_of("npz", tmp_path, "x.npz", truth="x.csv", labels=NAMES, names=NAMES)
