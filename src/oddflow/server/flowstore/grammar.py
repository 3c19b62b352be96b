"""Reads a question: a parser by recursive descent.

question   = [ any ] { clause }
clause     = "last" SPAN | "since" TIME | "until" TIME | "order" "by" FIELD [ "asc" | "desc" ] | "limit" NUMBER
any        = all { "or" all }
all        = one { "and" one }
one        = "not" one | "(" any ")" | ADDRESS | FIELD [ "not" ] test
test       = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) VALUE | "in" VALUE | "in" "(" VALUE { "," VALUE } ")"
           | "between" VALUE "and" VALUE | "contains" TEXT | "like" TEXT | "is" [ "not" ] "known"
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from oddflow.server.flowstore.amounts import duration_s, time_ns
from oddflow.server.flowstore.comparing import (
    WrongValue,
    address_alone,
    compared,
    contains,
    flag,
    known,
    like,
    spread,
)
from oddflow.server.flowstore.condition import Condition, both, either, opposite
from oddflow.server.flowstore.fields import ALIASES, FIELDS, Field, field_named
from oddflow.server.flowstore.tokens import Kind, Token, WrongQuery, tokens_of

MOST_DEEP = 32
MOST_TESTS = 200
MOST_LIMIT = 1_000_000
COMPARISONS = ("=", "==", "!=", "<>", "<", "<=", ">", ">=")
SAME = {"==": "=", "<>": "!="}
CLAUSES = ("last", "since", "until", "order", "limit")
TEXT_OPERATORS = {"contains": contains, "like": like}


@dataclass(slots=True)
class Clauses:
    """What follows the condition; None where it was not said."""

    since_ns: int | None = None
    until_ns: int | None = None
    order: Field | None = None
    descending: bool = True
    limit: int | None = None


class Parser:
    """Reads one question.

    Args:
        text: The question.
        now_ns: What `last` counts from.
    """

    def __init__(self, text: str, now_ns: int) -> None:
        self._text = text
        self._now_ns = now_ns
        self._tokens = tokens_of(text)
        self._place = 0
        self._tests = 0

    def read(self) -> tuple[Condition | None, Clauses]:
        """The condition, if any, and the clauses.

        Raises:
            WrongQuery: It cannot be read.
        """
        asked = None
        if self._here.kind != Kind.END and not self._here.says(*CLAUSES):
            asked = self._any(0)
        clauses, said = Clauses(), set[str]()
        while self._here.kind != Kind.END:
            token = self._take()
            word = token.text.lower()
            if not token.says(*CLAUSES):
                expected = "and, or, last, since, until, order by, limit or the end"
                raise self._wrong(token, f"expected {expected}; got {token.shown}")
            also = {"last": "since"}.get(word, word)
            if also in said:
                raise self._wrong(token, f"{word} is said twice; say it once")
            said.add(also)
            self._clause(word, clauses)
        if clauses.since_ns is not None and clauses.until_ns is not None and clauses.since_ns > clauses.until_ns:
            raise WrongQuery(self._text, len(self._text), "it ends before it begins; turn since and until round")
        return asked, clauses

    # -- conditions

    def _any(self, depth: int) -> Condition:
        parts = [self._all(depth)]
        while self._skip("or"):
            parts.append(self._all(depth))
        return either(parts)

    def _all(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._skip("and"):
            parts.append(self._one(depth))
        return both(parts)

    def _one(self, depth: int) -> Condition:
        token = self._take()
        if depth >= MOST_DEEP:
            raise self._wrong(token, f"brackets and not go at most {MOST_DEEP} deep")
        if token.says("not"):
            return opposite(self._one(depth + 1))
        if token.says("("):
            inside = self._any(depth + 1)
            self._expect(")", "and, or, or the closing )")
            return inside
        self._tests += 1
        if self._tests > MOST_TESTS:
            raise self._wrong(token, f"a question has at most {MOST_TESTS} tests")
        if token.kind == Kind.WORD and address_alone(token.text):
            return self._checked(token, lambda: compared(FIELDS["ip"], "=", token.text, self._now_ns))
        return self._test(token)

    def _test(self, name: Token) -> Condition:
        field = field_named(name.text) if name.kind == Kind.WORD else None
        if field is None:
            raise self._wrong(name, self._unknown(name))
        turned = self._skip("not")
        part = self._positive(field)
        return opposite(part) if turned else part

    def _positive(self, field: Field) -> Condition:
        sign = self._here
        if sign.says(*COMPARISONS):
            self._take()
            value = self._value(field)
            operator = SAME.get(sign.text, sign.text)
            return self._checked(value, lambda: compared(field, operator, value.text, self._now_ns))
        if self._skip("in"):
            return self._list(field)
        if self._skip("between"):
            low = self._value(field)
            self._expect("and", "and, as in between 80 and 90")
            high = self._value(field)
            return self._checked(low, lambda: spread(field, low.text, high.text, self._now_ns))
        if sign.says(*TEXT_OPERATORS):
            self._take()
            value = self._value(field)
            return self._checked(sign, lambda: TEXT_OPERATORS[sign.text.lower()](field, value.text))
        if self._skip("is"):
            turned = self._skip("not")
            self._expect("known", "known, as in tls_sni is not known")
            return opposite(known(field)) if turned else known(field)
        return self._checked(sign, lambda: flag(field))

    def _list(self, field: Field) -> Condition:
        if not self._skip("("):
            value = self._value(field)
            return self._checked(value, lambda: compared(field, "=", value.text, self._now_ns))
        parts = []
        while True:
            value = self._value(field)
            self._tests += 1
            if self._tests > MOST_TESTS:
                raise self._wrong(value, f"a question has at most {MOST_TESTS} tests and values")
            parts.append(self._checked(value, lambda value=value: compared(field, "=", value.text, self._now_ns)))  # type: ignore[misc]
            if self._skip(")"):
                return either(parts)
            self._expect(",", "a comma or the closing )")

    # -- what follows them

    def _clause(self, word: str, clauses: Clauses) -> None:
        token = self._here
        if word == "last":
            span = duration_s(self._take().text) if token.kind == Kind.WORD else None
            if span is None or not 0 < span * 1e9 < 1 << 62:
                raise self._wrong(token, f"expected a time span like 15m, 2h or 7d after last; got {token.shown}")
            clauses.since_ns = max(self._now_ns - round(span * 1e9), -(1 << 63) + 1)
        elif word in {"since", "until"}:
            when = time_ns(self._take().text, self._now_ns) if token.kind != Kind.END else None
            if when is None:
                example = "2026-11-21T14:00, 14:00, today or yesterday"
                raise self._wrong(token, f"expected a time like {example} after {word}; got {token.shown}")
            setattr(clauses, f"{word}_ns", when)
        elif word == "order":
            self._expect("by", "by, as in order by score")
            name = self._take()
            clauses.order = field_named(name.text) if name.kind == Kind.WORD else None
            if clauses.order is None:
                raise self._wrong(name, self._unknown(name))
            clauses.descending = not self._skip("asc")
            if clauses.descending:
                self._skip("desc")
        else:
            text = self._take().text if token.kind == Kind.WORD else ""
            if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MOST_LIMIT):
                raise self._wrong(token, f"expected a number, 1 to {MOST_LIMIT:,}, after limit; got {token.shown}")
            clauses.limit = int(text)

    # -- tokens

    @property
    def _here(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._here
        if token.kind != Kind.END:
            self._place += 1
        return token

    def _skip(self, word: str) -> bool:
        if self._here.says(word):
            self._place += 1
            return True
        return False

    def _expect(self, word: str, expected: str) -> None:
        if not self._skip(word):
            raise self._wrong(self._here, f"expected {expected}; got {self._here.shown}")

    def _value(self, field: Field) -> Token:
        token = self._take()
        if token.kind not in {Kind.WORD, Kind.TEXT}:
            raise self._wrong(token, f"expected a value for {field.name}; got {token.shown}")
        return token

    def _wrong(self, token: Token, problem: str) -> WrongQuery:
        return WrongQuery(self._text, token.column, problem)

    def _checked(self, token: Token, make: Callable[[], Condition]) -> Condition:
        try:
            return make()
        except WrongValue as error:
            raise self._wrong(token, str(error)) from None

    def _unknown(self, token: Token) -> str:
        if token.kind != Kind.WORD:
            return f"expected a field like src_ip, port or score; got {token.shown}"
        alike = difflib.get_close_matches(token.text.lower()[:64], [*FIELDS, *ALIASES], n=1)
        return f"no field is called {token.shown}" + (f"; did you mean {alike[0]}?" if alike else "")
