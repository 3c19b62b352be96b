"""Results of an evaluation as the card of a sealed model."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from oddflow.errors import Unreadable, UsageError
from oddflow.evaluation.protocol import Protocol
from oddflow.evaluation.result import Result, Results, Row
from oddflow.files import reason_of
from oddflow.models.card import MOST_FIGURES, MOST_ROWS, MOST_TABLES, Card, CardFigure, CardRow, CardTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddflow.evaluation.measure import Asked

MOST_BYTES = 64 << 20
_LETTERS = 1_000
_ITEMS = 64


def card_of(path: str, detector: str) -> Card:
    """The tables in a file of results, as far as they are of protocols in which this detector took part.

    Args:
        path: What `oddflow evaluate -o` wrote.
        detector: Of the sealed model, by name; rows of it are marked.

    Raises:
        Unreadable: The file cannot be read.
        UsageError: It holds no results, or none of this detector.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {reason_of(error)}; give what `oddflow evaluate -o` wrote") from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB; give the results of fewer protocols")
    results = Results.read(content.decode("utf-8", "replace"), path).results
    fitting = [result for result in results if any(_is_of(row, detector) for row in result.rows)]
    if not fitting:
        known = ", ".join(sorted({row.title for result in results for row in result.rows if not row.trivial})[:8])
        raise UsageError(f"{path} has no figures of {detector}, which the model is; it has {known}")
    return Card(tables=[_table(result, detector) for result in fitting[:MOST_TABLES]])


def _is_of(row: Row, detector: str) -> bool:
    return row.detector.partition(":")[0] == detector


def _table(result: Result, detector: str) -> CardTable:
    shown = Protocol.model_validate(result.protocol).shown
    rows = [_row(row, part, shown, own=_is_of(row, detector)) for row in result.rows for part in row.parts]
    return CardTable(
        name=result.name[:_LETTERS],
        label=result.label[:_LETTERS],
        why=result.why[:_LETTERS],
        date=result.date[:_LETTERS],
        commit=result.commit[:_LETTERS],
        data_sha256=result.data_sha256[:_ITEMS],
        provenance=[line[:_LETTERS] for line in result.provenance[:_ITEMS]],
        warnings=[
            f"{leak.check}: {leak.what}"[:_LETTERS] for leak in result.leaks if leak.severity in ("warning", "severe")
        ][:_ITEMS],
        rows=rows[:MOST_ROWS],
    )


def _row(row: Row, part: str, shown: "Sequence[Asked]", *, own: bool) -> CardRow:
    figures = [(asked, row.parts[part].figures.get(str(asked))) for asked in shown]
    return CardRow(
        title=row.title[:_LETTERS],
        detector=row.detector[:_LETTERS],
        part=part[:_LETTERS],
        own=own,
        figures=[
            CardFigure(measure=str(asked), title=asked.title, value=figure.value, low=figure.low, high=figure.high)
            for asked, figure in figures[:MOST_FIGURES]
            if figure is not None and all(map(math.isfinite, (figure.value, figure.low, figure.high)))
        ],
    )
