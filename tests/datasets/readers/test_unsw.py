import zipfile

import numpy as np
import pytest

from oddflow.datasets.readers.unsw import FEATURES
from oddflow.errors import InputError
from tests.datasets.given import classes, rows_of

NAMES = [feature.name for feature in FEATURES]
HEADER = ["id", *NAMES, "attack_cat", "label"]
WORDS = {"proto": "tcp", "service": "-", "state": "FIN"}


def table(*rows, header=HEADER):
    lines = [",".join(header)]
    for number, (category, label) in enumerate(rows, 1):
        lines.append(",".join([str(number), *(WORDS.get(name, "3") for name in NAMES), category, label]))
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def test_a_csv_with_a_mark_and_windows_line_ends_in_a_zip_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("UNSW.csv", table(("Normal", "0"), (" Fuzzers", "1"), ("", "0")))
    rows = rows_of("unsw", tmp_path, "x.zip", labels=("Normal", "Fuzzers"))
    assert rows.x.shape == (3, 42)
    assert classes(rows) == {"Normal": 2, "Fuzzers": 1}
    assert "id" not in {feature.name for feature in rows.features}
    assert rows.words["service"] == ("-",)
    assert not np.isnan(rows.x).any()


def test_a_column_that_is_missing_is_named(tmp_path):
    (tmp_path / "x.csv").write_bytes(table(header=[name for name in HEADER if name != "sttl"]))
    with pytest.raises(InputError, match="line 1: sttl missing"):
        rows_of("unsw", tmp_path, "x.csv")
