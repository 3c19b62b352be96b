from pathlib import Path

import pytest

from oddflow.errors import Unreadable, UsageError
from oddflow.evaluation.sealed_card import card_of
from oddflow.models.card import Card
from oddflow.models.format import pack, sign, unpack, with_card
from oddflow.models.sealed import SealedModel
from oddflow.models.signing_keys import make_pair, read_signing_key
from tests.models.make import archive

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_a_card_has_every_entry_of_the_protocols_that_the_detector_took_part_in():
    card = card_of(str(RESULTS / "office.json"), "robust-pca")
    (table,) = card.tables
    assert [row.title for row in table.rows if row.own] == ["robust-pca"]
    assert {row.title for row in table.rows} > {"robust-pca", "constant"}
    assert all(figure.low <= figure.value <= figure.high for row in table.rows for figure in row.figures)
    assert Card.read(card.written()) == card


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_result_that_is_kept_makes_a_card(path):
    assert card_of(str(path), "reference").tables[0].rows


def test_a_detector_that_took_no_part_has_no_card():
    with pytest.raises(UsageError, match=r"no figures of autoencoder.*robust-pca"):
        card_of(str(RESULTS / "office.json"), "autoencoder")


def test_what_is_no_result_is_refused(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xff{")
    with pytest.raises(UsageError, match="holds no results"):
        card_of(str(tmp_path / "x.json"), "robust-pca")
    with pytest.raises(Unreadable, match="cannot be read"):
        card_of(str(tmp_path), "robust-pca")


def test_a_card_changes_neither_the_fingerprint_nor_stays_under_an_old_signature(tmp_path):
    make_pair(str(tmp_path / "k"))
    signed = sign(archive(), read_signing_key(str(tmp_path / "k")))
    carded = unpack(pack(with_card(signed, card_of(str(RESULTS / "office.json"), "robust-pca"))))
    assert carded.signature is None
    assert carded.card.tables
    assert SealedModel(carded).fingerprint == SealedModel(signed).fingerprint
