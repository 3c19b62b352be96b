"""A learnt policy is sealed as any model is, and prefers as it did."""

import numpy as np
import pytest
import torch

from oddflow.errors import ModelError, SchemaMismatch
from oddflow.models.format import pack
from oddflow.models.policy import SealedPolicy
from oddflow.models.sealed import SealedModel, score_graph
from oddflow.networks.queue import ActionPreference, QueueValue
from oddflow.triage.choosing import by_score, shift_of
from oddflow.triage.compare import PLAN, POLICY, SCORE, compare
from oddflow.triage.environment import TriageEnvironment
from oddflow.triage.learn import Plan, learn_policy
from oddflow.triage.queues import as_recorded, dealt
from oddflow.triage.reinforce import Settings
from oddflow.triage.seal import graph_of
from oddflow.verdicts.record import write_alerts
from oddflow.verdicts.triage.shift import FEATURES, WIDTH, WINDOW
from tests.models.make import archive as detector_archive

from .make import office

PLAN_OF_A_MOMENT = Plan(Settings(episodes=64, batch=16), queues=8, minutes=(20.0,))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("triage")
    captures = [office("a"), office("b", 1)]
    paths = [str(folder / f"{capture.name}.jsonl") for capture in captures]
    for path, capture in zip(paths, captures, strict=True):
        write_alerts(path, capture.alerts)
    return learn_policy(captures, paths, PLAN_OF_A_MOMENT)


def test_the_graph_prefers_as_the_network_and_its_parts_are_input_times_gradient():
    torch.manual_seed(1)
    network = ActionPreference(WIDTH)
    torch.nn.init.normal_(network.head.weight)
    rows = torch.randn(40, WIDTH)
    network.standardise(rows * 2 + 1)
    logits, parts = score_graph(graph_of(network).SerializeToString(), rows.numpy())
    z = ((rows - network.mean) / network.spread).requires_grad_()
    preference = network.head(torch.tanh(network.body(z))).squeeze(-1)
    (gradient,) = torch.autograd.grad(preference.sum(), z)
    assert np.allclose(logits, preference.detach(), atol=1e-4)
    assert np.allclose(parts, (z * gradient).clamp_min(0).detach(), atol=1e-4)


def test_a_policy_does_not_care_in_which_order_candidates_stand():
    torch.manual_seed(2)
    network, value = ActionPreference(WIDTH), QueueValue(WIDTH)
    torch.nn.init.normal_(network.head.weight)
    seen = torch.cat([torch.ones(1, 9, 1), torch.randn(1, 9, WIDTH)], dim=2)
    seen[0, 3, 0] = 0
    order = torch.randperm(9)
    assert torch.allclose(network(seen)[:, order], network(seen[:, order]))
    assert torch.allclose(value(seen), value(seen[:, order]), atol=1e-6)
    assert network(seen).softmax(dim=1)[0, 3] == 0


def test_what_is_sealed_says_what_it_learnt_from_and_is_read_back(learnt):
    archive, returns = learnt
    model = SealedModel.from_bytes(pack(archive))
    assert [source.name for source in model.manifest.provenance.sources] == ["a", "b"]
    assert len(returns) == 64
    assert model.manifest.options["episodes"] == 64
    assert SealedPolicy(model, FEATURES).model.features == FEATURES


def test_an_altered_policy_is_refused(learnt):
    content = bytearray(pack(learnt[0]))
    content[len(content) // 2] ^= 1
    with pytest.raises(ModelError):
        SealedModel.from_bytes(bytes(content))


def test_a_detector_is_no_policy():
    with pytest.raises(SchemaMismatch, match="no triage policy"):
        SealedPolicy(SealedModel(detector_archive()), FEATURES)


def test_a_policy_of_other_columns_is_refused(learnt):
    with pytest.raises(SchemaMismatch, match="other columns"):
        SealedPolicy(SealedModel(learnt[0]), FEATURES[1:])


def test_the_best_action_is_an_allowed_one(learnt):
    policy = SealedPolicy(SealedModel(learnt[0]), FEATURES)
    rows = np.random.default_rng(0).normal(size=(WINDOW + 1, WIDTH)).astype(np.float32)
    allowed = np.zeros(WINDOW + 1, np.bool_)
    allowed[[4, 9]] = True
    action, parts = policy.best(rows, allowed)
    assert action in (4, 9)
    assert parts.shape == (WIDTH,)


def test_the_comparison_stands_on_the_same_queues_and_agrees_with_single_shifts(learnt):
    policy = SealedPolicy(SealedModel(learnt[0]), FEATURES)
    captures = [office("c", 2), office("d", 3)]
    recorded, mixed = compare([policy, policy], captures, minutes=[20.0, 500.0], queues=10)
    lines = {(line.name, line.minutes): line for line in recorded.lines}
    expected = [
        shift_of(TriageEnvironment(dealt([queue])), queue, 20.0, by_score, hidden=False)
        for queue in as_recorded(captures)
    ]
    assert lines[SCORE, 20.0].found == np.mean(expected)
    assert lines[SCORE, 20.0].gain == 0
    assert {lines[name, 500.0].found for name in (POLICY, PLAN, SCORE, "upper bound")} == {2.0}
    for line in (*recorded.lines, *mixed.lines):
        assert line.low <= line.found <= line.high
        assert line.gain_low <= line.gain <= line.gain_high
