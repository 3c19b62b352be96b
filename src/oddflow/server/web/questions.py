"""Questions about flows as pages change them: sorted otherwise, with one test more."""

from oddflow.server.flowstore.tokens import Kind, Token, tokens_of

CLAUSES = ("last", "since", "until", "order", "limit")


def sorted_by(text: str, field: str, *, descending: bool) -> str:
    """The same question, sorted by a field.

    >>> sorted_by("score > 3 order by bytes last 2h", "score", descending=False)
    'score > 3 last 2h order by score asc'

    Raises:
        WrongQuery: It cannot be read.
    """
    return f"{_without_order(text)} order by {field}{'' if descending else ' asc'}".strip()


def narrowed(text: str, test: str) -> str:
    """The same question with one test more.

    >>> narrowed("port = 22 or port = 23 last 2h", "src_ip = 10.0.0.5")
    '(port = 22 or port = 23) and src_ip = 10.0.0.5 last 2h'
    >>> narrowed("last 2h", "alert")
    'alert last 2h'

    Raises:
        WrongQuery: It cannot be read.
    """
    tokens = tokens_of(text)
    clause = next((one for one in tokens if one.kind == Kind.WORD and one.says(*CLAUSES)), tokens[-1])
    condition, rest = text[: clause.column - 1].strip(), text[clause.column - 1 :].strip()
    if any(one.says("or") for one in tokens if one.column < clause.column):
        condition = f"({condition})"
    return " ".join(filter(None, [f"{condition} and {test}" if condition else test, rest]))


def equal(field: str, value: str) -> str:
    r"""A test that a field has a value, whatever is in it.

    >>> print(equal("name", 'a"b'))
    name = "a\"b"
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field} = "{escaped}"'


def _without_order(text: str) -> str:
    tokens = tokens_of(text)
    for place, one in enumerate(tokens[:-1]):
        if one.kind == Kind.WORD and one.says("order") and tokens[place + 1].says("by"):
            after = place + 3
            if after < len(tokens) and tokens[after].says("asc", "desc"):
                after += 1
            rest = text[_column(tokens, after) - 1 :] if after < len(tokens) else ""
            return f"{text[: one.column - 1].strip()} {rest.strip()}".strip()
    return text.strip()


def _column(tokens: list[Token], place: int) -> int:
    return tokens[place].column
