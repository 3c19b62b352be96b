"""Which passwords are good enough, and how they are kept."""

import pytest

from oddflow.errors import UsageError
from oddflow.server.access.passwords import PARAMETERS, Passwords, check
from tests.server.access.conftest import QUICK


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "11 characters"),
        ("x" * 257, "257 characters"),
        ("Password!12345", "tried first"),
        ("passwordpassword", "tried first"),
        ("aaaaaaaaaaaaaa", "tried first"),
        ("1234567890123", "tried first"),
        ("abcdefghijklmnop", "tried first"),
        ("Ada.Lovelace99", "account's name"),
        ("with a tab\there", "control character"),
        ("half a \ud800 letter", "control character"),
    ],
)
def test_what_is_tried_first_is_refused(password: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check(password, name="ada.lovelace")


@pytest.mark.parametrize("password", ["four plain words here", "пароль из слов", "x9$Kq!vL0zR#w", "mit Umlauten: ä"])
def test_length_is_enough(password: str) -> None:
    check(password, name="ada")


def test_a_password_is_the_same_however_it_was_typed() -> None:
    passwords = Passwords(**QUICK)
    kept = passwords.hashed("Caf\u00e9 am Fluss 12")
    assert passwords.right(kept, "Cafe\u0301 am Fluss 12")
    assert not passwords.right(kept, "Cafe am Fluss 12")


def test_it_is_argon2id_with_the_parameters_of_the_rfc() -> None:
    kept = Passwords().hashed("four plain words here")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PARAMETERS["hash_len"] == 32
    assert Passwords(**QUICK).outdated(kept)


@pytest.mark.parametrize("kept", ["", "!", "$argon2id$v=19$m=8,t=1,p=1$bad"])
def test_nothing_kept_is_never_right(kept: str) -> None:
    passwords = Passwords(**QUICK)
    for password in ("", kept, "of an account that does not exist", "\ud800"):
        assert not passwords.right(kept, password)
