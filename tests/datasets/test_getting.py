import hashlib

import pytest

from oddflow.datasets import getting
from oddflow.datasets.checking import check_files, check_sections
from oddflow.datasets.getting import get
from oddflow.datasets.place import folder, presence
from oddflow.errors import InputError, OutputError, Unreadable, UsageError
from tests.datasets.given import described
from tests.datasets.readers.test_kdd import line

CONTENT = (line("normal") * 40 + line("odd")).encode()


def known(sha256=None, **more):
    one = described("kdd", "set/x.txt", labels=("normal", "odd"), **more)
    digest = hashlib.sha256(CONTENT).hexdigest() if sha256 is None else sha256
    file = one.files[0].model_copy(update={"sha256": digest, "bytes": len(CONTENT)})
    return one.model_copy(update={"files": (file,)})


@pytest.fixture
def places(tmp_path):
    """The source and the folder of data sets."""
    source, data = tmp_path / "source", tmp_path / "data"
    (source / "set").mkdir(parents=True)
    data.mkdir()
    (source / "set" / "x.txt").write_bytes(CONTENT)
    return source, data


@pytest.mark.parametrize("inside", ["", "set"])
def test_a_file_is_copied_from_a_folder_laid_out_as_here_or_side_by_side(places, inside):
    source, data = places
    moved = []
    (got,) = get(known(), str(source / inside), data, progress=moved.append)
    assert (got.verdict, got.is_checked) == ("copied", True)
    assert (data / "set" / "x.txt").read_bytes() == CONTENT
    assert sum(moved) == len(CONTENT)
    assert [path.name for path in (data / "set").iterdir()] == ["x.txt"]
    assert get(known(), str(source), data)[0].verdict == "there"


def test_a_copy_that_broke_off_goes_on_where_it_stopped(places, monkeypatch):
    source, data = places
    (data / "set").mkdir()
    (data / "set" / "x.txt.part").write_bytes(CONTENT[:1000])
    monkeypatch.setattr(getting, "PIECE_BYTES", 256)
    assert get(known(), str(source), data)[0].is_checked
    assert (data / "set" / "x.txt").read_bytes() == CONTENT


def test_what_another_file_left_is_removed_and_the_next_copy_is_whole(places):
    source, data = places
    (data / "set").mkdir()
    (data / "set" / "x.txt.part").write_bytes(b"something else")
    with pytest.raises(InputError, match="is known: it is another file"):
        get(known(), str(source), data)
    assert not list((data / "set").iterdir())
    assert get(known(), str(source), data)[0].verdict == "copied"


def test_a_part_longer_than_the_file_is_refused(places):
    source, data = places
    (data / "set").mkdir()
    (data / "set" / "x.txt.part").write_bytes(CONTENT + b"more")
    with pytest.raises(InputError, match="shorter than what was copied"):
        get(known(), str(source), data)


def test_a_file_with_another_hash_never_gets_its_name(places):
    source, data = places
    (source / "set" / "x.txt").write_bytes(CONTENT + b"\n")
    (data / "set").mkdir()
    (data / "set" / "x.txt").write_bytes(b"old")
    with pytest.raises(InputError, match="is known"):
        get(known(), str(source), data)
    assert (data / "set" / "x.txt").read_bytes() == b"old"
    assert len(list((data / "set").iterdir())) == 1


def test_a_file_without_a_known_hash_is_copied_and_not_claimed(places):
    source, data = places
    (got,) = get(known("unknown"), str(source), data)
    assert (got.verdict, got.is_checked) == ("copied", False)


def test_a_file_that_the_source_has_not_is_named(places, tmp_path):
    with pytest.raises(Unreadable, match=r"set/x\.txt, nor x\.txt; own is offered at https://example\.org/"):
        get(known(), str(tmp_path), places[1])


def test_a_source_with_none_of_the_files_is_refused(places, tmp_path):
    one = known()
    optional = one.model_copy(update={"files": (one.files[0].model_copy(update={"required": False}),)})
    with pytest.raises(Unreadable, match="none of the files of own"):
        get(optional, str(tmp_path), places[1])


def test_the_folder_of_data_sets_is_no_source(places):
    source, _ = places
    with pytest.raises(UsageError, match="is the file itself"):
        get(known("0" * 64), str(source), source)


def test_by_url(places):
    fsspec = pytest.importorskip("fsspec")
    _, data = places
    fsspec.filesystem("memory").pipe("/sets/set/x.txt", CONTENT)
    assert get(known(), "memory://sets", data)[0].is_checked
    assert (data / "set" / "x.txt").read_bytes() == CONTENT


class Breaking:
    """A connection that breaks off."""

    def __init__(self, ledger):
        self._ledger, self._left = ledger, [CONTENT[:700]]

    def read(self, size):
        if self._left:
            return self._left.pop()
        self._ledger.damaged("the connection broke")
        return b""

    def close(self):
        pass


@pytest.mark.parametrize("sha256", [None, "unknown"])
def test_a_connection_that_breaks_leaves_what_was_copied_and_no_file(places, monkeypatch, sha256):
    source, data = places
    with monkeypatch.context() as patched:
        patched.setattr(getting, "open_file", lambda name, ledger: Breaking(ledger))
        with pytest.raises(Unreadable, match=r"connection broke.*goes on there"):
            get(known(sha256), str(source), data)
    assert [path.name for path in (data / "set").iterdir()] == ["x.txt.part"]
    assert get(known(sha256), str(source), data)[0].verdict == "copied"
    assert (data / "set" / "x.txt").read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_to_is_told(places):
    source, data = places
    (data / "set").write_text("a file where a folder is needed")
    with pytest.raises(OutputError, match="cannot be written"):
        get(known(), str(source), data)


def verdicts(findings):
    return {finding.what: finding.verdict for finding in findings}


def test_right_wrong_absent_and_unknown_files(places):
    source, data = places
    assert verdicts(check_files(known(), source)) == {"set/x.txt": "right"}
    assert verdicts(check_files(known("0" * 64), source)) == {"set/x.txt": "wrong"}
    assert verdicts(check_files(known("unknown"), source)) == {"set/x.txt": "unknown"}
    assert verdicts(check_files(known(), data)) == {"set/x.txt": "absent"}


@pytest.mark.parametrize(
    ("section", "verdict", "told"),
    [
        ({"rows": 41, "classes": {"normal": 40, "odd": 1}}, "right", "41 rows, 2 classes"),
        ({"rows": 42}, "wrong", "42 rows are known"),
        ({"rows": 41, "classes": {"normal": 41}}, "wrong", "normal 40 (41 known), odd 1 (0 known)"),
        ({}, "unknown", "41 rows"),
    ],
)
def test_rows_and_classes_are_counted(places, section, verdict, told):
    (finding,) = check_sections(known(**section), places[0])
    assert finding.verdict == verdict
    assert told in finding.told


def test_a_file_that_cannot_be_read_is_wrong(places):
    source, _ = places
    (source / "set" / "x.txt").write_text("no table")
    (finding,) = check_sections(known(), source)
    assert (finding.verdict, "line 1" in finding.told) == ("wrong", True)


def test_presence_and_the_folder(places, monkeypatch):
    source, data = places
    assert (presence(known(), source), presence(known(), data), presence(known(), None)) == ("here", "absent", "absent")
    monkeypatch.delenv("ODDFLOW_DATA", raising=False)
    with pytest.raises(UsageError, match="--data FOLDER"):
        folder()
    monkeypatch.setenv("ODDFLOW_DATA", str(data))
    assert folder() == data
    assert folder(source) == source
    with pytest.raises(Unreadable, match="is no folder"):
        folder(source / "none")
