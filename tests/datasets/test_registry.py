import pytest
from pydantic import ValidationError

from oddflow.datasets import registry
from oddflow.datasets.description import DataSet, Section, folded
from oddflow.datasets.readers import READERS
from oddflow.errors import UsageError
from oddflow.schema import AttackCategory

SETS = list(registry.known().values())
WANTED = {
    "nsl-kdd", "kdd99", "unsw-nb15", "cic-ids2017", "cic-ids2017-corrected", "cse-cic-ids2018", "ctu-13", "iot-23",
    "stratosphere-zeek", "ustc-tfc2016", "ustc-tfc2016-captures", "kitsune", "moore", "modbus", "cic-ddos2019",
    "office", "darpa-1998", "darpa-1999", "adfa-ld",
}  # fmt: skip


def test_all_sets_are_known():
    assert {one.name for one in SETS} >= WANTED


@pytest.mark.parametrize("known", SETS, ids=lambda one: one.name)
def test_a_set_can_be_read_or_says_why_not(known):
    assert known.title
    assert known.licence
    assert known.url or known.is_shipped
    if known.available:
        assert known.reader in READERS
        assert known.ground
        assert any(label.category is AttackCategory.NORMAL for label in known.labels)
        assert any(label.category is not AttackCategory.NORMAL for label in known.labels)
    else:
        assert len(known.reason) > 20
        assert not known.sections


@pytest.mark.parametrize("known", SETS, ids=lambda one: one.name)
def test_a_hash_goes_with_a_size(known):
    assert all((file.sha256 == "unknown") == (file.bytes is None) for file in known.files)


def test_an_unknown_name_is_refused_with_what_may_be_meant():
    with pytest.raises(UsageError, match="did you mean nsl-kdd"):
        registry.find("NSL-KDDs")


def test_labels_are_looked_up_whatever_their_dashes_and_case():
    names = (
        "Web Attack – XSS",
        "Web Attack \x96 XSS",
        "web attack \N{REPLACEMENT CHARACTER}  xss",
        "WEB ATTACK - XSS.",
    )
    assert {folded(name) for name in names} == {"web attack - xss"}


def described(**changes):
    whole = {
        "name": "x", "title": "X", "summary": "", "licence": "", "url": "", "kind": "flows", "reader": "flows",
        "paper": {"authors": "A", "title": "T", "venue": "V", "year": 2020},
        "files": [{"path": "x/a.log"}],
        "sections": [{"name": "a", "path": "x/a.log"}],
        "labels": [{"name": "normal", "category": "normal"}],
    }  # fmt: skip
    return DataSet.model_validate(whole | changes)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"files": [{"path": "../a.log"}]}, "leads out"),
        ({"files": [{"path": "/a.log"}]}, "leads out"),
        ({"files": [{"path": "x/b.log"}]}, "name files that are not listed"),
        ({"labels": [{"name": "a b", "category": "dos"}, {"name": "A  b", "category": "dos"}]}, "twice"),
        ({"labels": [{"name": "a", "category": "mischief"}]}, "category"),
        ({"labels": [{"name": "a", "category": "dos", "techniques": ["1499"]}]}, "techniques"),
        ({"labels": [{"name": "a", "category": "normal", "techniques": ["T1499"]}]}, "has techniques"),
        ({"sections": [{"name": "a", "path": "x/a.log", "rows": 1, "classes": {"odd": 1}}]}, "without a meaning"),
        ({"sections": [{"name": "a", "path": "x/a.log", "rows": 2, "classes": {"normal": 1}}]}, "rows says 2"),
        ({"files": [{"path": "x/a.log", "sha256": "abc"}]}, "sha256"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_description_is_refused(changes, what):
    assert described().available
    with pytest.raises(ValidationError, match=what):
        described(**changes)


def test_rows_of_a_set_are_those_that_are_read_unless_others_are_asked_for():
    assert registry.find("nsl-kdd").rows == 125_973 + 22_544
    assert registry.find("ctu-13").rows is None
    assert Section(name="a", path="b").rows is None
