"""The words of a question, each with its place."""

import re
from dataclasses import dataclass
from enum import StrEnum

from oddflow.errors import UsageError

MOST_CHARACTERS = 4_000
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
      | (?P<sign>>=|<=|!=|<>|==|[=<>(),])
      | (?P<word>[^\s"'=<>!(),]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class WrongQuery(UsageError):
    """A question that cannot be read.

    Attributes:
        text: The question.
        column: Where it goes wrong, from 1.
        problem: What was expected there, and what came.
    """

    def __init__(self, text: str, column: int, problem: str) -> None:
        super().__init__(f"column {column}: {problem}")
        self.text = text
        self.column = column
        self.problem = problem

    def pointed(self) -> str:
        """The question's line, a caret under the place, and what is wrong with it."""
        start = max(0, self.column - 61)
        shown = "".join(c if c.isprintable() else " " for c in self.text[start : start + 120])
        return f"{shown}\n{' ' * (self.column - 1 - start)}^ {self.problem}"


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    TEXT = "text"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted text, a sign, or the end.

    Attributes:
        kind: Which of them.
        text: What it says, without quotes.
        column: Where it begins, from 1.
    """

    kind: Kind
    text: str
    column: int

    @property
    def shown(self) -> str:
        """For a message."""
        return "the end" if self.kind == Kind.END else self.text if len(self.text) <= 40 else f"{self.text[:39]}…"

    def says(self, *words: str) -> bool:
        """Whether it is one of these words or signs, in any case; a quoted text is none."""
        return self.kind in {Kind.WORD, Kind.SIGN} and self.text.lower() in words


def tokens_of(text: str) -> list[Token]:
    """The tokens of a question, an end after them.

    Raises:
        WrongQuery: It is too long, or a quote is never closed.
    """
    if len(text) > MOST_CHARACTERS:
        raise WrongQuery(text, MOST_CHARACTERS + 1, f"a question has at most {MOST_CHARACTERS:,} characters")
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            what = "this quote is never closed" if text[place] in "\"'" else f"{text[place]!r} means nothing here"
            raise WrongQuery(text, place + 1, what)
        if match.lastgroup == "text":
            found.append(Token(Kind.TEXT, _ESCAPED.sub(r"\1", match[0][1:-1]), place + 1))
        elif match.lastgroup != "space":
            found.append(Token(Kind(match.lastgroup or "word"), match[0], place + 1))
        place = match.end()
    return [*found, Token(Kind.END, "", len(text) + 1)]
