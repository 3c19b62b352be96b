"""Passwords: which are good enough, and how they are kept.

Rules after NIST SP 800-63B-4, section 3.1.1.2: length is all that is asked, no mixture of letters and signs; what
everybody uses is refused; Unicode is normalised. Kept as argon2id (RFC 9106).
"""

import itertools
import unicodedata
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from oddflow.errors import UsageError

LEAST_LETTERS = 12
MOST_LETTERS = 256
PARAMETERS: dict[str, Any] = {"time_cost": 3, "memory_cost": 64 << 10, "parallelism": 4, "hash_len": 32, "salt_len": 16}
"""RFC 9106, section 4, the second recommended option: 3 passes over 64 MiB, 4 lanes."""
COMMON = frozenset({
    "password", "passwort", "qwerty", "qwertyuiop", "qwertzuiop", "asdfghjkl", "letmein", "welcome", "iloveyou",
    "football", "baseball", "administrator", "changeme", "changeit", "secret", "trustno1", "dragon", "monkey",
    "sunshine", "princess", "starwars", "whatever", "superman", "oddflow", "network", "sensor", "security",
    "correcthorsebatterystaple", "passphrase",
})  # fmt: skip
"""What people choose first, without digits and signs around it; a service's own names are among them."""


def normalised(password: str) -> str:
    """The same text however a keyboard made it: Unicode NFKC.

    >>> normalised("ﬁsh") == "fish"
    True
    """
    return unicodedata.normalize("NFKC", password)


def check(password: str, *, name: str) -> None:
    """Refuses a password that is too easy.

    Args:
        password: What was chosen.
        name: Of the account.

    Raises:
        UsageError: It is short, very long, the account's name, one letter or row repeated, or what everybody uses.
    """
    text = normalised(password)
    if len(text) < LEAST_LETTERS:
        raise UsageError(f"the password has {len(text)} characters; use {LEAST_LETTERS} or more, such as a few words")
    if len(text) > MOST_LETTERS:
        raise UsageError(f"the password has {len(text)} characters; use {MOST_LETTERS} at most")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
        raise UsageError("the password holds a control character, such as a tab, or half of one; leave it out")
    plain = text.casefold()
    if name and _bare(plain) in {_bare(name.casefold()), _bare(name.casefold()) * 2}:
        raise UsageError("the password is the account's name; choose another")
    if _bare(plain) in COMMON or _repeats(plain) or _in_a_row(plain):
        raise UsageError("the password is one that is tried first; choose another, such as a few unrelated words")


class Passwords:
    """Hashes passwords and compares them; an unknown account costs as much as a known one.

    Args:
        parameters: Of argon2id, as `argon2.PasswordHasher` names them.
    """

    def __init__(self, **parameters: int) -> None:
        self._hasher = PasswordHasher(**(PARAMETERS | parameters), type=Type.ID)
        self._nobodys = self._hasher.hash("of an account that does not exist")

    def hashed(self, password: str) -> str:
        """What is kept of a password: algorithm, parameters, salt and hash in one text."""
        return self._hasher.hash(normalised(password))

    def right(self, kept: str, password: str) -> bool:
        """Whether it is the password; the same work is done where nothing is kept, and the answer is no."""
        try:
            self._hasher.verify(kept or self._nobodys, normalised(password)[: MOST_LETTERS + 1])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
        return bool(kept)

    def outdated(self, kept: str) -> bool:
        """Whether what is kept was made with other parameters; it is then made anew at the next log-in."""
        return self._hasher.check_needs_rehash(kept)


def _bare(text: str) -> str:
    """A text without digits and signs around it."""
    return text.strip("0123456789!?.,;:-_*#$%&/()=+@ ")


def _repeats(text: str) -> bool:
    """Whether it is a piece of itself, again and again."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, len(text) // 2 + 1))


def _in_a_row(text: str) -> bool:
    """Whether each letter follows the one before it, like 123456789012 or abcdefghijkl."""
    pairs = itertools.pairwise(text)
    steps = {(ord(later) - ord(earlier)) % (10 if text.isdigit() else 1 << 21) for earlier, later in pairs}
    return steps in ({1}, {9}, {(1 << 21) - 1})
