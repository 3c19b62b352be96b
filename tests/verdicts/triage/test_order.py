"""A policy orders the rows of a detection; nothing is lost, and the order is the policy's."""

import numpy as np
import pytest

from oddflow.models.format import seal
from oddflow.models.graph import GraphBuilder
from oddflow.models.policy import DETECTOR, SealedPolicy
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.rows import fold
from oddflow.verdicts.triage.candidate import MOST_MINUTES, candidate_of, minutes_for
from oddflow.verdicts.triage.order import in_order
from oddflow.verdicts.triage.shift import FEATURES, UNKNOWN, WIDTH, WINDOW, Shift
from tests.models.make import NOTHING, manifest
from tests.verdicts.make import alert


def policy_of(**weights):
    """A policy whose logit is a weighted sum of columns."""
    names = [feature.name for feature in FEATURES]
    row = np.zeros((WIDTH, 1), np.float32)
    for name, weight in weights.items():
        row[names.index(name)] = weight
    graph = GraphBuilder(WIDTH)
    logits = graph.row_sum(graph.add("MatMul", graph.x, graph.constant(row)))
    scorer = graph.finish(score=logits, contributions=graph.add("Abs", graph.x)).SerializeToString()
    document = manifest(
        features=FEATURES, detector=DETECTOR, feature_schema_version="triage-1", ranges=[NOTHING] * WIDTH, rows=1
    )
    return SealedPolicy(SealedModel(seal(document, scorer, np.zeros(1, np.float32))), FEATURES)


def rows_of(count):
    """Rows of falling scores, one source each; every third holds many alerts."""
    return fold(
        alert(id=f"{n:04x}{m:04x}", src_ip=f"10.0.{n // 200}.{n % 200}", src_port=m + 1, score=1000.0 - n)
        for n in range(count)
        for m in range(20 if n % 3 == 0 else 1)
    )


@pytest.mark.parametrize("count", [0, 1, 7, WINDOW + 9, 520])
@pytest.mark.parametrize("minutes", [1.0, 30.0])
def test_every_row_comes_once(count, minutes):
    assert sorted(in_order(rows_of(count), policy_of(alerts=1.0), minutes)) == list(range(count))


def test_a_policy_that_likes_scores_gives_the_order_of_scores():
    assert in_order(rows_of(20), policy_of(score_over_median=1.0), 1_000) == list(range(20))


def test_a_policy_that_dislikes_minutes_gives_the_cheap_rows_first():
    rows = rows_of(20)
    costs = [candidate_of(rows[place]).minutes for place in in_order(rows, policy_of(minutes=-1.0), 1_000)]
    assert costs == sorted(costs)


def test_what_was_looked_at_is_known_and_what_was_found_is_not():
    shift = Shift([candidate_of(row) for row in rows_of(5)], 60, hidden=True)
    shift.look(1, UNKNOWN)
    seen, allowed = shift.options()
    names = [feature.name for feature in FEATURES]
    assert (seen[:4, names.index("alike_looked")] > 0).all()
    assert not seen[:, [names.index(name) for name in names if name.endswith(("benign", "malicious"))]].any()
    assert not allowed[WINDOW]


def test_an_empty_shift_is_over():
    assert Shift([], 60).is_over


@pytest.mark.parametrize(("alerts", "peers"), [(1, 1), (1, 2), (2, 1), (10, 10), (10_000, 10_000)])
def test_more_takes_longer_up_to_a_limit(alerts, peers):
    assert minutes_for(1, 1) <= minutes_for(alerts, peers) <= MOST_MINUTES
