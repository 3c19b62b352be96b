import gzip
import zipfile

import numpy as np
import pytest

from oddflow.datasets.readers.kdd import FEATURES
from oddflow.errors import InputError, Unreadable
from tests.datasets.given import classes, rows_of

VALUES = ["0", "tcp", "http", "SF", "120", "4700", *["0"] * 35]
LABELS = ("normal", "neptune")


def line(label, *more, **values):
    names = [feature.name for feature in FEATURES]
    fields = [values.get(name, value) for name, value in zip(names, VALUES, strict=True)]
    return ",".join([*fields, label, *more]) + "\n"


def test_a_gzip_file_with_41_features_and_labels(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress((line("normal.") + line("neptune.", service="ftp")).encode()))
    rows = rows_of("kdd", tmp_path, "x.gz", labels=LABELS)
    assert rows.x.shape == (2, 41)
    assert classes(rows) == {"normal": 1, "neptune": 1}
    assert [rows.words["service"][int(n)] for n in rows.x[:, 2]] == ["http", "ftp"]
    assert rows.x[0, 4:6].tolist() == [120, 4700]
    assert rows.is_attack.tolist() == [False, True]
    assert rows.ledger.total == rows.ledger.metered == 2


def test_the_member_of_a_zip_file_with_difficulties_which_are_no_feature(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("folder/KDDTrain+.txt", line("normal", "21"))
        packed.writestr("folder/KDDTest+.txt", line("neptune", "3") * 2)
    rows = rows_of("kdd", tmp_path, "x.zip", labels=LABELS, member="KDDTest+.txt")
    assert rows.x.shape == (2, 41)
    assert classes(rows) == {"neptune": 2}
    with pytest.raises(InputError, match="0 members called"):
        rows_of("kdd", tmp_path, "x.zip", labels=LABELS, member="Other.txt")


def test_a_zip_file_that_is_cut_is_unreadable(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.txt", line("normal") * 1000)
    whole = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="zip file"):
        rows_of("kdd", tmp_path, "x.zip", labels=LABELS)


def test_a_wrong_delimiter_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text(line("normal").replace(",", " "))
    with pytest.raises(InputError, match="line 1: 1 fields where 41 features"):
        rows_of("kdd", tmp_path, "x.txt", labels=LABELS)


def test_lines_that_are_wrong_are_lost_with_their_numbers(tmp_path):
    lines = [line("normal"), "\n", line("normal", src_bytes="many"), "1,2,3\n", line("neptune"), line("normal")[:60]]
    (tmp_path / "x.txt").write_text("".join(lines))
    rows = rows_of("kdd", tmp_path, "x.txt", labels=LABELS)
    assert classes(rows) == {"normal": 1, "neptune": 1}
    first_at = {reason: at.rpartition("/")[2] for reason, at in rows.ledger.first_at.items()}
    assert first_at == {
        "record that cannot be read: src_bytes is no number": "x.txt, line 3",
        "record that cannot be read: 3 fields where 42 were expected": "x.txt, line 4",
        "record that cannot be read: 25 fields where 42 were expected": "x.txt, line 6",
    }


def test_a_missing_value_is_nan_and_a_strange_label_an_attack_that_is_told_of(tmp_path):
    (tmp_path / "x.txt").write_text(line("normal", src_bytes="") + line("odd thing"))
    rows = rows_of("kdd", tmp_path, "x.txt", labels=LABELS)
    assert np.isnan(rows.x[0, 4])
    assert rows.filled()[0, 4] == 0
    assert rows.is_attack.tolist() == [False, True]
    assert "'odd thing' is not known" in rows.ledger.notes[0]
