"""Files that are changed, cut or swapped: rows, counted losses or one of our errors, never anything else."""

import gzip
import io
import struct
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.errors import OddflowError
from tests.datasets.given import rows_of
from tests.datasets.readers import test_arff, test_cic, test_kdd, test_unsw

NAMES = ["normal", "attack"]


def npz():
    file = io.BytesIO()
    np.savez_compressed(file, features=np.zeros((2, 100)))
    return file.getvalue()


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.csv", content)
    return file.getvalue()


CIC = "\n".join([test_cic.FIRST, *[test_cic.row(test_cic.FIRST)] * 3]).encode()
FILES = {
    "kdd": (zipped(test_kdd.line("normal") * 3), b""),
    "unsw": (gzip.compress(test_unsw.table(("Normal", "0"), ("Worms", "1"))), b""),
    "cic": (CIC, b""),
    "arff": (test_arff.HEADER.encode() + b"80,1.5,?,Y,WWW\n" * 3, b""),
    "idx": (struct.pack(">IIII", 0x803, 2, 2, 2) + bytes(8), struct.pack(">II", 0x801, 2) + bytes(2)),
    "npz": (npz(), b"1;0\n2;1\n"),
}
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3)), max_size=4)


@pytest.mark.parametrize("reader", FILES)
@given(changes=CHANGES, cut=st.one_of(st.none(), st.integers(0, 10_000)), in_truth=st.booleans())
def test_a_damaged_file(reader, changes, cut, in_truth):
    files = [bytearray(content) for content in FILES[reader]]
    hurt = files[1 if in_truth and files[1] else 0]
    for place, piece in changes:
        at = place % (len(hurt) + 1)
        hurt[at : at + len(piece)] = piece
    del hurt[len(hurt) if cut is None else cut % (len(hurt) + 1) :]
    with TemporaryDirectory() as folder:
        for name, content in zip(("x", "truth"), files, strict=True):
            (Path(folder) / name).write_bytes(content)
        known = {"labels": NAMES, "names": NAMES} | ({"truth": "truth"} if FILES[reader][1] else {})
        try:
            rows = rows_of(reader, Path(folder), "x", **known)
        except OddflowError:
            return
    assert len(rows.x) == len(rows.y) == rows.ledger.metered
    assert not np.isinf(rows.x).any()
