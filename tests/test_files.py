"""Files that are seen whole or not at all."""

import pytest

from oddflow import files
from oddflow.errors import OutputError
from oddflow.files import write_whole


def test_only_the_file_is_left(tmp_path):
    target = tmp_path / "page.html"
    target.write_text("an older one")
    write_whole(target, "a new one")
    assert target.read_text() == "a new one"
    assert list(tmp_path.iterdir()) == [target]


def test_write_follows_a_link(tmp_path):
    (tmp_path / "kept.html").write_text("")
    link = tmp_path / "link.html"
    link.symlink_to("kept.html")
    write_whole(link, "a new one")
    assert link.is_symlink()
    assert (tmp_path / "kept.html").read_text() == "a new one"


@pytest.mark.parametrize("place", ["missing/page.html", "file/page.html", "", "x" * 300])
def test_write_to_a_place_that_cannot_be(tmp_path, place):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match=r"cannot be written|is a directory"):
        write_whole(tmp_path / place, "a new one")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_write_to_a_full_disk():
    with pytest.raises(OutputError, match="No space left"):
        write_whole("/dev/full", "a new one")


def test_a_failed_write_keeps_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_text("an older one")
    monkeypatch.setattr(files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        write_whole(target, "a new one")
    assert target.read_text() == "an older one"
    assert list(tmp_path.iterdir()) == [target]
