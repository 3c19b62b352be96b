import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from oddflow.errors import OutputError, Unreadable, UsageError
from oddflow.models.format import sign
from oddflow.models.signature import PREFIX, Signature, fingerprint_of
from oddflow.models.signing_keys import make_pair, read_public_key, read_signing_key
from oddflow.models.trust import VARIABLE, Trust

from .make import archive

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def key(tmp_path):
    """The path of a new private key."""
    path = str(tmp_path / "maker.key")
    make_pair(path)
    return path


def test_a_pair_belongs_together_and_only_its_owner_reads_the_secret(key):
    private = read_signing_key(key)
    assert read_public_key(key + ".pub") == private.public_key
    assert stat.S_IMODE(Path(key).stat().st_mode) == 0o600
    assert fingerprint_of(private.public_key) in repr(private)


def test_no_key_is_overwritten(key, tmp_path):
    with pytest.raises(OutputError, match="no key is ever overwritten"):
        make_pair(key)
    (tmp_path / "x.pub").write_text("mine")
    with pytest.raises(OutputError, match=r"x\.pub is there already"):
        make_pair(str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_a_secret_that_others_may_read_is_refused(key):
    Path(key).chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        read_signing_key(key)


@pytest.mark.parametrize("content", [b"", b"x" * 32, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(content, tmp_path):
    path = tmp_path / "k"
    path.write_bytes(content)
    for read in (read_signing_key, read_public_key):
        with pytest.raises(UsageError, match="key"):
            read(str(path))
        with pytest.raises(Unreadable, match="cannot be read"):
            read(str(tmp_path / "none"))


def test_halves_are_not_taken_for_each_other(key):
    with pytest.raises(UsageError, match=r"maker\.key\.pub"):
        read_public_key(key)
    with pytest.raises(UsageError, match="no private"):
        read_signing_key(key + ".pub")


@needs_openssl
@pytest.mark.parametrize("kind", ["rsa", "ed448"])
def test_keys_of_another_algorithm_are_refused(kind, tmp_path):
    path, public = tmp_path / "k", tmp_path / "k.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", kind, "-out", path], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-out", public], check=True, capture_output=True)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="Ed25519"):
        read_signing_key(str(path))
    with pytest.raises(UsageError, match="Ed25519"):
        read_public_key(str(public))


@needs_openssl
def test_openssl_makes_keys_that_are_read_and_verifies_what_is_signed(tmp_path):
    path, public = tmp_path / "k", tmp_path / "k.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-out", public], check=True)
    path.chmod(0o600)
    signature = sign(archive(), read_signing_key(str(path))).signature
    (tmp_path / "signed").write_bytes(PREFIX + signature.manifest)
    (tmp_path / "value").write_bytes(signature.value)
    told = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", tmp_path / "signed", "-sigfile",
         tmp_path / "value"],
        check=False, capture_output=True,
    )  # fmt: skip
    assert told.returncode == 0, told


def test_a_signature_is_of_one_manifest(key):
    signature = read_signing_key(key).sign(b"{}")
    assert signature.holds
    assert not Signature.read(signature.written(), b"{ }").holds
    assert Signature.read(signature.written(), b"{}") == signature


@pytest.mark.parametrize(
    "document", [b"", b"[]", b'{"format_version": 1}', b'{"format_version": 2, "algorithm": "Ed25519"}', b"\xff"]
)
def test_a_document_that_is_no_signature_is_refused(document):
    with pytest.raises(ValueError, match="wrong at"):
        Signature.read(document, b"{}")


def test_trust_is_of_files_folders_and_the_environment(key, tmp_path, monkeypatch):
    public = read_public_key(key + ".pub")
    assert list(Trust.of([key + ".pub"]).keys) == [public]
    assert list(Trust.of([str(tmp_path)]).keys) == [public]
    assert not Trust.of(None).keys
    monkeypatch.setenv(VARIABLE, f"{key}.pub:{tmp_path}")
    assert list(Trust.of(None).keys) == [public]
    assert not Trust.of([]).keys


def test_a_folder_without_keys_trusts_nobody_silently(tmp_path):
    with pytest.raises(UsageError, match="holds 0 files"):
        Trust.of([str(tmp_path)])
    with pytest.raises(UsageError, match="empty name"):
        Trust.of([""])
