import pytest

from oddflow.errors import OutputError, Unreadable, UsageError
from oddflow.logs.keys import fingerprint_of, make_key, read_key


def test_a_new_key_is_its_owners_alone(tmp_path):
    path = tmp_path / "key"
    fingerprint = make_key(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    key = read_key(str(path))
    assert len(key) == 32
    assert fingerprint_of(key) == fingerprint
    assert fingerprint not in key.hex()


def test_two_keys_differ(tmp_path):
    assert make_key(str(tmp_path / "one")) != make_key(str(tmp_path / "two"))


def test_no_key_is_overwritten(tmp_path):
    path = tmp_path / "key"
    make_key(str(path))
    before = path.read_bytes()
    with pytest.raises(OutputError, match="there already"):
        make_key(str(path))
    assert path.read_bytes() == before


def test_a_key_is_not_written_through_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError):
        make_key(str(tmp_path / "link"))


@pytest.mark.parametrize("size", [0, 31, 33, 4_096])
def test_what_is_no_key_is_refused(tmp_path, size):
    path = tmp_path / "key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(UsageError, match="a key has 32"):
        read_key(str(path))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path, mode):
    path = tmp_path / "key"
    make_key(str(path))
    path.chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        read_key(str(path))


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_key_that_cannot_be_read_says_how_to_make_one(tmp_path, name):
    with pytest.raises(Unreadable, match="oddflow keys new"):
        read_key(str(tmp_path / name))
