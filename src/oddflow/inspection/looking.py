"""A whole look into a sealed model, as the page of it shows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS, SIDE
from oddflow.inspection.answers import Answer, activations, answers
from oddflow.inspection.codes import Codes
from oddflow.inspection.differentiable import Differentiable, Layer
from oddflow.inspection.excitation import Span, excite
from oddflow.inspection.heat import heat
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.reports.inside import Change, CodesView, ExcitedView, HeatView, Inside, LayerView
from oddflow.reports.picture import grey, signed, tiled, warmed
from oddflow.reports.words import measured

MOST_ROWS = 400
_HEATS = 4
_UNITS = 6
_CHANGES = 8
_BETWEEN = 7
_WIDEST = 128
"""Pixels of a picture of weights along each side; more are averaged."""


def look(model: SealedModel, name: str, x: Floats | None, looked_at: str) -> Inside:
    """What is inside a model.

    Args:
        model: One whose graph holds a network.
        name: What the file is called.
        x: Rows to show it, (n, d), of which an even sample of 400 is taken; the baseline's median where None.
        looked_at: What they are, in words.

    Raises:
        UsageError: The model holds no network.
    """
    graph = Differentiable.of(model)
    if not graph.layers:
        raise UsageError(f"a {model.manifest.detector} holds no network: there are no layers to look into")
    span = Span.of(model.manifest)
    rows = span.median[None] if x is None else _few(x)
    scores = model.scores(rows)
    is_picture = rows.shape[1] == PIXELS and model.features[0].unit == "byte"
    answered = answers(graph, rows)
    return Inside(
        model=name,
        detector=model.manifest.detector,
        fingerprint=model.fingerprint,
        looked_at=looked_at,
        rows=len(rows),
        layers=[_layer(graph, answer) for answer in answered],
        excited=_excited(graph, answered, model.features, span, rows, is_picture=is_picture),
        codes=_codes(graph, model.features, span, rows, scores, is_picture=is_picture) if len(rows) > 2 else None,
        heats=_heats(graph, rows, scores) if is_picture and x is not None else (),
        remarks=_remarks(answered, many=len(rows) > 1),
    )


def _few(x: Floats) -> Floats:
    return x[np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(np.int64)]


def _layer(graph: Differentiable, answer: Answer) -> LayerView:
    layer = answer.layer
    return LayerView(
        layer.name,
        layer.operator,
        " × ".join(map(str, answer.shape)),
        int(np.prod(answer.shape)),
        answer.units,
        answer.mean,
        answer.deviation,
        answer.silent,
        answer.weights.tolist(),
        (answer.weights_low, answer.weights_high),
        answer.activations.tolist(),
        (answer.low, answer.high),
        weight_picture(np.asarray(graph.weight(layer))),
    )


def weight_picture(weight: Floats) -> NDArray[np.uint8]:
    """A weight as a picture, (h, w, 3): kernels side by side, else a matrix, averaged down to 128 pixels a side."""
    if weight.ndim == 4:  # kernels of pictures
        kernels = weight.reshape(-1, *weight.shape[2:])
        board = tiled(kernels[:256], columns=16)
    else:
        board = weight.reshape(-1, weight.shape[-1])
    rows, columns = (max(1, -(-size // _WIDEST)) for size in board.shape)
    height, width = board.shape[0] // rows, board.shape[1] // columns
    small = board[: height * rows, : width * columns].reshape(height, rows, width, columns).mean(axis=(1, 3))
    return signed(small)


def _excited(
    graph: Differentiable,
    answered: Sequence[Answer],
    features: Sequence[Feature],
    span: Span,
    rows: Floats,
    *,
    is_picture: bool,
) -> list[ExcitedView]:
    """For the score, and for the units of the last hidden layer, or code, that answer most differently."""
    hidden = _middle(graph, answered, span)
    given = activations(graph, hidden, rows)
    wanted = [("score", 0)]
    if given.ndim in {2, 4} and len(given) == len(rows):
        spread = given.reshape(len(given), given.shape[1], -1).mean(axis=2).std(axis=0)
        wanted += [(hidden.output, int(unit)) for unit in np.argsort(-spread, kind="stable")[:_UNITS]]
    views = []
    for one in excite(graph, wanted, span):
        what = "the score" if one.value == "score" else f"unit {one.unit} of {hidden.name}"
        if is_picture:
            views.append(ExcitedView(what, one.before, one.after, grey(one.row.reshape(SIDE, SIDE))))
        else:
            moved = np.abs(one.row - span.median) / np.maximum(span.high - span.low, 1e-9)
            views.append(
                ExcitedView(what, one.before, one.after, changes=changes(features, span.median, one.row, moved))
            )
    return views


def _middle(graph: Differentiable, answered: Sequence[Answer], span: Span) -> Layer:
    """The layer of codes where there is one, else the last hidden one."""
    try:
        return Codes.of(graph, span).middle
    except UsageError:
        return answered[-2 if len(answered) > 1 else -1].layer


def changes(features: Sequence[Feature], before: Floats, after: Floats, moved: Floats) -> list[Change]:
    """The features that moved most, most first: (d,) each."""
    order = [place for place in np.argsort(-moved, kind="stable")[:_CHANGES] if moved[place] > 1e-3]
    return [
        Change(
            features[place].name,
            measured(float(before[place]), features[place].unit),
            measured(float(after[place]), features[place].unit),
        )
        for place in order
    ]


def _codes(
    graph: Differentiable,
    features: Sequence[Feature],
    span: Span,
    rows: Floats,
    scores: Floats,
    *,
    is_picture: bool,
) -> CodesView | None:
    """None where the model has no codes to go back from."""
    try:
        codes = Codes.of(graph, span)
    except UsageError:
        return None
    given = codes.encode(rows)
    centred = given - given.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    usual, odd = rows[np.argsort(scores, kind="stable")[len(scores) // 2]], rows[int(scores.argmax())]
    between = codes.between(usual, odd, _BETWEEN)
    spread = np.maximum(rows.max(axis=0) - rows.min(axis=0), 1e-9)
    return CodesView(
        codes.middle.name,
        given.shape[1],
        centred @ axes[:2].T if len(axes) > 1 else np.repeat(centred, 2, axis=1),
        scores,
        float((sizes[:2] ** 2).sum() / max(float((sizes**2).sum()), 1e-12)),
        [grey(row.reshape(SIDE, SIDE)) for row in between] if is_picture else (),
        () if is_picture else changes(features, between[0], between[-1], np.abs(between[-1] - between[0]) / spread),
    )


def _heats(graph: Differentiable, rows: Floats, scores: Floats) -> list[HeatView]:
    """The oddest rows; none where the model has no convolution."""
    oddest = rows[np.argsort(-scores, kind="stable")[:_HEATS]]
    try:
        found = heat(graph, oddest, side=SIDE)
    except UsageError:
        return []
    views = []
    for row, one, score in zip(oddest, found, np.sort(scores)[::-1], strict=False):
        content = bytes((row * 255).round().clip(0, 255).astype(np.uint8))
        used = max(16, -(-len(content.rstrip(b"\0")) // 16) * 16)
        picture = row.reshape(SIDE, SIDE)
        views.append(HeatView(float(score), grey(picture), warmed(picture, one), content[:used], one))
    return views


def _remarks(answered: Sequence[Answer], *, many: bool) -> list[str]:
    """What a person should look at."""
    if not many:
        return ["only the baseline's median row was shown: give traffic with --on to see layers answer it"]
    return [
        f"{answer.layer.name}: {100 * answer.silent:.0f} % of {answer.units} units give every row the same; a "
        "narrower layer, or a lower learning rate, may do as well"
        for answer in answered
        if answer.silent >= 0.25 and answer.units >= 8
    ]
