"""`serve`, where it cannot: each refusal is one clear line and an exit code of 2."""

import socket

import pytest

from .call import call, refused


@pytest.fixture
def taken():
    """An address on which somebody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield f"127.0.0.1:{one.getsockname()[1]}"


def test_nothing_to_watch(tmp_path):
    refused(call("serve", "--state", tmp_path), "name a file of settings")


def test_two_things_to_watch(tmp_path):
    refused(call("serve", "-i", "lo", "--folder", tmp_path, "--state", tmp_path), "2 of these were given")


def test_a_file_and_options(tmp_path):
    refused(call("serve", tmp_path / "oddflow.toml", "-i", "lo"), "-i and the file")


def test_an_interface_that_is_not_there(tmp_path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{one.getsockname()[1]}"
    refused(call("serve", "-i", "nosuch0", "--state", tmp_path, "--listen", listen), "nosuch0")


def test_an_address_that_is_none(tmp_path):
    refused(call("serve", "-i", "lo", "--state", tmp_path, "--listen", "here"), "web.listen: expected HOST:PORT")


def test_an_address_that_is_taken(tmp_path, taken):
    refused(
        call("serve", "--folder", tmp_path, "--state", tmp_path / "state", "--listen", taken, "--user", "root"),
        f"{taken} cannot be listened on",
    )


@pytest.mark.parametrize(
    ("text", "sign"),
    [("[web\n", "oddflow.toml"), ("[web]\nlistne = 'a'\n", "listne"), ("[[sources]]\nname = 'a'\n", "name one of")],
)
def test_broken_settings(tmp_path, text, sign):
    place = tmp_path / "oddflow.toml"
    place.write_text(text)
    refused(call("serve", place), sign)


def test_settings_that_are_not_there(tmp_path):
    refused(call("serve", tmp_path / "none.toml"), "none.toml")
