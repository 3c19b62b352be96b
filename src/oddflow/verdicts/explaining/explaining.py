"""Explains an alert by the model that made it: the one way of `explain` and of the Python door."""

import numpy as np
from numpy.typing import NDArray

from oddflow.amounts import seconds
from oddflow.errors import SchemaMismatch, UsageError
from oddflow.models.prototypes import SPOKEN, holds_words
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import normal_of
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
from oddflow.verdicts.explaining.attribution import Attribution, Method, attribution, occluded
from oddflow.verdicts.explaining.bound import joined
from oddflow.verdicts.explaining.counterfactual import counterfactual
from oddflow.verdicts.explaining.explanation import Because, Explanation, Near, PacketShare
from oddflow.verdicts.explaining.heat import byte_heat
from oddflow.verdicts.explaining.parts import Part, parts_of
from oddflow.verdicts.explaining.putting_back import few_enough, put_back
from oddflow.verdicts.explaining.substitutes import Neighbour, Substitutes
from oddflow.verdicts.naming import Normal, without_window
from oddflow.verdicts.words import amount, said, sentence

MOST_BECAUSE = 6
_NEAR = 3
_DIFFERS = 3
_ALSO = 3
_SAME_SCORE = 1e-3


def explain(alert: Alert, model: SealedModel, row: Floats | None = None) -> Explanation:
    """What is odd in an alert's flow, what is near it, and what would make it normal.

    Args:
        alert: What `detect` or `watch` wrote.
        model: The model that it was found with.
        row: What the model saw of the flow, (d,), where the alert does not hold it.

    Raises:
        UsageError: Nobody kept what the model saw, or it is of a group of flows, which no row tells of.
        SchemaMismatch: It is of another model, with other features.
    """
    if alert.kind == "collective":
        raise UsageError(
            f"alert {alert.id} is of a group of flows, each of which may be normal by itself: it was counted beside "
            "the model, and its reasons are those counts; explain it without -m"
        )
    given = np.frombuffer(alert.row, "<f4").astype(np.float32) if row is None else row
    if not len(given):
        raise UsageError(
            f"alert {alert.id} does not hold what the model saw of the flow; name the capture behind the alert's id, "
            "or detect anew"
        )
    if len(given) != len(model.features):
        raise SchemaMismatch(
            f"alert {alert.id} holds {len(given)} columns and the model reads {len(model.features)}; give the model "
            "that it was found with"
        )
    row = given
    score = float(model.scores(row[None])[0])
    threshold = (
        alert.threshold
        or set_threshold(model.held_back, Budget.parse(DEFAULT_BUDGET), model.manifest.flows_per_s).score
    )
    normal = normal_of(model, model.held_back, "normal flows")
    substitutes = Substitutes.of(model, normal, row, threshold)
    parts = joined(parts_of(model.features), model.prototypes, substitutes.measure)
    found = attribution(model, row, parts, substitutes)
    steps = put_back(
        model.scores, row, few_enough(parts, found.shares), substitutes.rows, threshold=threshold, least=_NEAR
    )
    because = tuple(_because(model, normal, row, found.shares, step.part, step.score) for step in steps[:MOST_BECAUSE])
    seen = byte_heat(model, row, parts, substitutes, found)
    first = next((place for place, step in enumerate(steps) if step.score < threshold), len(steps) - 1)
    return Explanation(
        alert=alert,
        detector=model.manifest.detector,
        model=model.fingerprint,
        score=score,
        threshold=threshold,
        method=str(found.method),
        because=because,
        counterfactual=counterfactual(
            model.scores, row, steps[: first + 1], model.features, substitutes.measure, threshold=threshold
        ),
        nearest=tuple(_near(model, substitutes, one, row) for one in substitutes.neighbours[:_NEAR]),
        packets=_packets(model, row, parts, substitutes),
        heat=tuple(map(float, seen[0])) if seen else (),
        heat_method=str(seen[1]) if seen else "",
        remarks=_remarks(alert, score, threshold, model, found),
    )


def _because(model: SealedModel, normal: Normal, row: Floats, shares: Floats, part: Part, without: float) -> Because:
    place = int(part.columns[int(np.argmax(shares[part.columns]))])
    feature = model.features[place]
    lows, highs, where = normal.around(row)
    value, low, high = float(row[place]), float(lows[place]), float(highs[place])
    if part.packet:
        length, gap = (float(row[column]) for column in part.columns)
        way = "received" if length < 0 else "sent"
        text = f"packet {part.packet}: {abs(length):,.0f} bytes {way}, {seconds(gap)} after the one before"
    elif feature.unit in SPOKEN:
        shown = (amount(float(row[column]), model.features[column]).removeprefix("0x") for column in part.columns)
        text = f"{part.name}: {' '.join(shown)}"
    else:
        text = sentence(value, feature, low, high, where=where)
    share = min(1.0, round(float(shares[part.columns].sum()), 4))
    also = () if part.packet or feature.unit in SPOKEN else _also(model, row, shares, part, place, (lows, highs))
    return Because(part.name, feature.name, value, low, high, share, without, text, also)


def _also(
    model: SealedModel,
    row: Floats,
    shares: Floats,
    part: Part,
    place: int,
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[str, ...]:
    """What else of a part is out of the normal range, in words: the strongest first, one window of each."""
    told = {without_window(model.features[place].name): ""}
    for column in sorted(part.columns, key=lambda column: -shares[column]):
        feature = model.features[column]
        if not ends[0][column] <= row[column] <= ends[1][column]:
            told.setdefault(without_window(feature.name), said(float(row[column]), feature))
    return tuple(filter(None, told.values()))[:_ALSO]


def _near(model: SealedModel, substitutes: Substitutes, one: Neighbour, row: Floats) -> Near:
    apart = substitutes.measure.apart(one.row[None], row)[0]
    differs = []
    for place in np.argsort(-apart, kind="stable")[:_DIFFERS]:
        if apart[place] > 0:
            feature = model.features[place]
            there, here = amount(float(one.row[place]), feature), amount(float(row[place]), feature)
            differs.append(f"{feature.words.replace('{value}', there)}, here {here}")
    return Near(round(one.distance, 4), one.score, tuple(differs))


def _packets(
    model: SealedModel, row: Floats, parts: tuple[Part, ...], substitutes: Substitutes
) -> tuple[PacketShare, ...]:
    """Shares of the packets of a sequence, by taking each away; none for rows that are no sequence."""
    packets = [part for part in parts if part.packet and row[part.columns].any()]
    if not packets:
        return ()
    less = occluded(model, row, packets, substitutes)
    total = float(less.sum()) or 1.0
    return tuple(
        PacketShare(
            part.packet,
            int(row[part.columns[0]]),
            round(float(row[part.columns[1]]), 6),
            round(float(less[part.columns].sum()) / total, 4),
        )
        for part in packets
    )


def _remarks(alert: Alert, score: float, threshold: float, model: SealedModel, found: Attribution) -> tuple[str, ...]:
    remarks = []
    if abs(score - alert.score) > _SAME_SCORE * max(abs(alert.score), 1e-6):
        remarks.append(
            f"this model gives the flow {score:.4g}, and the alert says {alert.score:.4g}: it is another model than "
            "that which the alert was found with"
        )
    if score < threshold:
        remarks.append(f"by this model the flow is no alert: {score:.4g} is under the threshold {threshold:.4g}")
    if not len(model.prototypes) and not holds_words(model.features):
        remarks.append("the model holds no normal flows to compare with; those that `oddflow learn` seals now do")
    if found.method is Method.TREES:
        remarks.append(
            f"shares are exact for what the trees add up to, against {found.against} normal flows; the score is a "
            "function of that one number"
        )
    if found.method is Method.OCCLUSION:
        remarks.append("the model has no slopes: shares were told by taking parts away one at a time")
    return tuple(remarks)
