"""Texts of others, as databases can hold them and search them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement

LONGEST_KEY = 256
MOST_WORDS = 8
LONGEST_WORDS = 1_000
LONGEST_QUESTION = 200


def clean(text: str, most: int = 4_096) -> str:
    """What any database holds: neither lone surrogates nor NUL, and not too long."""
    return text[:most].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def key(text: str) -> str:
    """The same, for what rows are found by: PostgreSQL's indexes hold 2,704 bytes a row and no more."""
    return clean(text, LONGEST_KEY)


def words_of(parts: Iterable[str]) -> str:
    """What a row is found by: each part once, in lower case."""
    return clean(" ".join(dict.fromkeys(part for part in parts if part)).lower(), LONGEST_WORDS)


def holds_all(column: ColumnElement[str], text: str) -> Sequence[ColumnElement[bool]]:
    """Conditions: a column of `words_of` holds each word of a question, as it stands."""
    words = clean(text, LONGEST_QUESTION).lower().split()[:MOST_WORDS]
    return [column.contains(word, autoescape=True) for word in words]
