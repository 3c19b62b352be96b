import numpy as np
import pytest

from oddflow.errors import InputError
from tests.datasets.given import classes, rows_of

HEADER = """% comment
@relation flows
@attribute 'Server Port' numeric
@ATTRIBUTE duration REAL
@attribute "push pkts" integer
@attribute flag {Y,N}
@attribute class {WWW, ATTACK}

@data
"""


def read(folder, text):
    (folder / "x.arff").write_text(text)
    return rows_of("arff", folder, "x.arff", labels=("WWW", "ATTACK"))


def test_numbers_and_words_are_features_and_ports_are_not(tmp_path):
    rows = read(tmp_path, HEADER + "80,1.5,?,Y,WWW\n80,2,3,N,ATTACK\n")
    assert [feature.name for feature in rows.features] == ["duration", "push pkts", "flag"]
    assert rows.x[0, 0] == 1.5
    assert np.isnan(rows.x[0, 1])
    assert rows.words["flag"] == ("Y", "N")
    assert classes(rows) == {"WWW": 1, "ATTACK": 1}


def test_a_wrong_line_has_the_number_that_it_has_in_the_file(tmp_path):
    rows = read(tmp_path, HEADER + "80,1.5,?,Y,WWW\n80,x,3,N,ATTACK\n")
    assert rows.ledger.lost_total == 1
    assert next(iter(rows.ledger.first_at.values())).endswith("line 11")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1,2,3\n", "no @data line"),
        (HEADER.replace("REAL", "date"), "line 4"),
        ("@attribute a numeric\n@attribute b numeric\n@data\n1,2\n", "nominal one as the last"),
    ],
)
def test_another_file_is_refused(tmp_path, text, what):
    with pytest.raises(InputError, match=what):
        read(tmp_path, text)
