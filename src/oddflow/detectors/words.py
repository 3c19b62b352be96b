"""How the rows of a representation become words, for detectors of packets and for those of names."""

import numpy as np

from oddflow.errors import UsageError
from oddflow.models.name_tokens import Characters
from oddflow.models.tokens import END, Tokeniser, Tokens


def packets_of(width: int, name: str) -> Tokeniser:
    """Words of a sequence; raises UsageError where the rows are none."""
    steps, left = divmod(width, 2)
    if left:
        raise UsageError(f"{name} reads as many lengths as gaps; {width} columns given")
    return Tokeniser(steps)


def characters_of(width: int) -> Characters:
    """Words of a name."""
    return Characters(width)


def named(tokens: Tokens, validation: Tokens, name: str) -> tuple[Tokens, Tokens]:
    """Rows that are names, (n, steps) and (v, steps); the same twice where no row to stop by is one.

    Raises:
        UsageError: None is.
    """
    kept, held = (rows[rows[:, 0] != END] for rows in (tokens, validation))
    if not len(kept) and not len(held):
        raise UsageError(f"{name} learns from names, and no flow asks for one: no DNS question, TLS server, HTTP host")
    return (kept if len(kept) else held), (held if len(held) else kept)


def all_named(tokens: Tokens, validation: Tokens, name: str) -> Tokens:
    """The same, to learn from all of them at once."""
    both = np.concatenate([tokens, validation])
    return named(both, both[:0], name)[0]
