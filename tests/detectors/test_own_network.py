"""Networks of your own, torch's and Keras's, become models that detect without either."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")  # read once, when Keras is first imported

import numpy as np
import torch
from torch import nn

import oddflow
from oddflow.detectors.own_network import DrawingNetwork, ScoringNetwork
from oddflow.errors import UsageError
from oddflow.models.sealed import score_graph
from tests.checks.problem import FEATURES, area_under_curve, normal_rows, odd_rows
from tests.cli.call import call
from tests.cli.captures import SCANNED, SCANNER, capture


def drawing(width):
    there, back = nn.Linear(width, 16), nn.Linear(16, width)
    return nn.Sequential(there, nn.Tanh(), nn.Linear(16, 4), nn.Linear(4, 16), nn.Tanh(), back)


class Error(nn.Module):
    """How badly a network draws a row, as that row's score."""

    def __init__(self, width):
        super().__init__()
        self.body = drawing(width)
        self.register_buffer("weight", torch.full((width,), 1 / width))

    def forward(self, rows):
        return (self.body(rows) - rows).abs() @ self.weight  # (n, m) -> (n,)


def keras_drawing(width):
    import keras  # noqa: PLC0415  (it is an extra)

    first, last = (keras.initializers.GlorotUniform(seed=seed) for seed in (7, 8))
    return keras.Sequential([
        keras.Input((width,)),
        keras.layers.Dense(8, activation="tanh", kernel_initializer=first),
        keras.layers.Dense(width, kernel_initializer=last),
    ])  # fmt: skip


def test_a_torch_network_that_draws_rows_finds_those_that_no_column_alone_tells():
    detector = DrawingNetwork(FEATURES, make=drawing, epochs=30).fit(normal_rows(1_500, 0))
    scores = detector.decision_function
    assert area_under_curve(scores(odd_rows(300, 2)), scores(normal_rows(300, 1))) > 0.8
    again = DrawingNetwork(FEATURES, make=drawing, epochs=30).fit(normal_rows(1_500, 0))
    np.testing.assert_array_equal(again.decision_function(odd_rows(50, 2)), scores(odd_rows(50, 2)))


def test_a_torch_network_that_scores_rows_finds_them_too_and_its_graph_scores_alike():
    detector = ScoringNetwork(FEATURES, make=Error, epochs=30).fit(normal_rows(1_500, 0))
    rows = np.concatenate([odd_rows(300, 2), normal_rows(300, 1)])
    scores = detector.decision_function(rows)
    assert area_under_curve(scores[:300], scores[300:]) > 0.8
    np.testing.assert_allclose(score_graph(detector.graph().SerializeToString(), rows)[0], scores, rtol=1e-4)
    assert "network.weight" in detector.weights()


def test_a_loss_of_your_own_is_what_is_learnt():
    def zero(network, rows):
        return network(rows).square().mean(dim=1)

    detector = DrawingNetwork(FEATURES, make=drawing, loss=zero, epochs=30).fit(normal_rows(500, 0))
    assert detector.history_.epochs[-1].train_loss < 0.01


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda width: nn.Linear(width, width + 1), r"make\(\d+\) must give a network of .*; it gave \(3, \d+\)"),
        (Error, r"it gave \(3,\)"),
        (lambda width: "net", r"torch.nn.Module, or a Keras model .*; str given"),
    ],
)
def test_what_is_no_network_for_rows_is_refused(make, said):
    with pytest.raises(UsageError, match=said):
        DrawingNetwork(FEATURES, make=make).fit(normal_rows(50, 0))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "day.pcap").write_bytes(capture(seed=3))
    (folder / "next.pcap").write_bytes(capture(scan=True, seed=4))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what"
    (folder / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan\n")
    return folder


def found_with(place, model):
    return call("detect", place / "next.pcap", "-m", model, "--truth", place / "truth.csv", "--json").json


def test_traffic_to_a_model_that_the_command_line_detects_with(place):
    options = {"make": drawing, "epochs": 5}
    model = oddflow.learn(place / "day.pcap", output=place / "own.oddflow", detector=DrawingNetwork, **options)
    manifest = model.manifest
    assert (manifest.detector, manifest.options["make"]) == ("drawing-network", f"{__name__}.drawing")
    assert found_with(place, place / "own.oddflow")["truth"]["attacks"][0]["best_rank"] == 1
    assert call("inspect", place / "own.oddflow").out.count("drawing-network")


def test_a_keras_model_is_sealed_and_detects_without_keras(place):
    if find_spec("keras") is None:
        pytest.skip("keras is not installed: pip install 'oddflow[keras]'")
    model = place / "keras.oddflow"
    oddflow.learn(place / "day.pcap", output=model, detector=DrawingNetwork, make=keras_drawing, epochs=3)
    assert found_with(place, model)["truth"]["attacks"][0]["best_rank"] == 1
    code = (
        "import sys\nsys.modules['keras'] = sys.modules['torch'] = None\nimport oddflow\n"
        "print(oddflow.detect(sys.argv[1], model=sys.argv[2]).flows)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, place / "next.pcap", model], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200
