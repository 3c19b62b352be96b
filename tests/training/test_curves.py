import numpy as np
import pytest

from tests.checks.problem import FEATURES, normal_rows

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from oddflow.detectors.autoencoder import AutoencoderDetector  # noqa: E402
from oddflow.networks.convolutional_autoencoder import ConvolutionalAutoencoder  # noqa: E402
from oddflow.networks.inputs import RowsAsImage  # noqa: E402
from oddflow.training.curves import Curves, metrics  # noqa: E402
from oddflow.training.looking import Look  # noqa: E402
from oddflow.training.loop import Epoch  # noqa: E402


def test_each_epoch_is_a_point_of_each_curve(tmp_path):
    with Curves(str(tmp_path)) as curves:
        curves(Epoch(0, 2.0, 3.0, 0.1))
        curves(Epoch(1, 1.0, 2.5, 0.1))
    written = accumulator.EventAccumulator(str(tmp_path / "fit-1")).Reload()
    assert set(written.Tags()["scalars"]) == {"loss/train", "loss/validation", "learning_rate"}
    assert [point.value for point in written.Scalars("loss/validation")] == [3.0, 2.5]


def test_the_curves_of_a_fit_are_its_history(tmp_path):
    with Curves(str(tmp_path)) as curves:
        detector = AutoencoderDetector(FEATURES, epochs=3, told=curves).fit(normal_rows(200, 0))
    written = accumulator.EventAccumulator(str(tmp_path / "fit-1")).Reload()
    for name, field in (
        ("loss/train", "train_loss"),
        ("loss/validation", "validation_loss"),
        ("learning_rate", "learning_rate"),
    ):
        points = written.Scalars(name)
        assert [point.step for point in points] == [0, 1, 2]
        expected = [getattr(epoch, field) for epoch in detector.history_.epochs]
        assert [point.value for point in points] == pytest.approx(expected, rel=1e-6)


def test_what_was_told_before_a_failure_is_written(tmp_path):
    def fail(curves):
        with curves:
            curves(Epoch(0, 2.0, 3.0, 0.1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(Curves(str(tmp_path)))
    written = accumulator.EventAccumulator(str(tmp_path / "fit-1")).Reload()
    assert [point.value for point in written.Scalars("loss/train")] == [2.0]


def test_each_fit_is_a_run_of_its_own(tmp_path):
    with Curves(str(tmp_path)) as curves:
        for loss in (3.0, 2.0):
            curves(Epoch(0, loss, loss, 0.1))
    runs = [accumulator.EventAccumulator(str(tmp_path / name)).Reload() for name in ("fit-1", "fit-2")]
    assert [run.Scalars("loss/train")[0].value for run in runs] == [3.0, 2.0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    with Curves(str(folder)) as curves:
        detector = AutoencoderDetector(FEATURES, epochs=6, dropout=0.1, told=curves).fit(normal_rows(200, 0))
    written = accumulator.EventAccumulator(str(folder / "fit-1"), size_guidance={"histograms": 0}).Reload()
    return detector, written, folder / "fit-1"


def test_each_layers_gradient_is_a_curve(run):
    detector, written, _ = run
    for name, _ in detector.network_.named_parameters():
        points = [point.value for point in written.Scalars(f"gradients/{name}")]
        assert points == pytest.approx([epoch.gradients[name] for epoch in detector.history_.epochs], rel=1e-6)
        assert min(points) > 0


def test_histograms_are_of_every_fifth_epoch(run):
    detector, written, _ = run
    assert [one.step for one in written.Histograms("weights/encoder.0.weight")] == [0, 5]
    drawn = written.Histograms("weights/encoder.0.weight")[-1].histogram_value
    assert drawn.num == detector.network_.encoder[0].weight.numel()
    assert [one.step for one in written.Histograms("activations/encoder.0")] == [0, 5]


def test_the_graph_is_the_networks(run):
    _, written, _ = run
    assert any("Linear" in node.name for node in written.Graph().node)


def test_the_projector_has_the_codes_of_the_weights_that_were_kept(run):
    detector, _, folder = run
    tensors = next(folder.rglob("tensors.tsv")).read_text().splitlines()
    codes = np.array([[float(word) for word in line.split("\t")] for line in tensors])
    assert codes.shape == (40, detector.network_.encoder[-1].out_features)  # a fifth of the rows stops it
    scaled = detector.scaler_.transform(normal_rows(200, 0)[160:])
    with torch.no_grad():
        np.testing.assert_allclose(codes, detector.network_.encoder(torch.from_numpy(scaled)), rtol=1e-4, atol=1e-5)


def test_the_share_that_is_drawn_rises(run):
    points = [point.value for point in run[1].Scalars("metrics/variance_drawn")]
    assert points[-1] > points[0]


def test_curves_change_nothing(run):
    alone = AutoencoderDetector(FEATURES, epochs=6, dropout=0.1).fit(normal_rows(200, 0))
    for name, value in alone.weights().items():
        np.testing.assert_array_equal(value, run[0].weights()[name])


def test_pictures_stand_over_what_was_drawn(tmp_path):
    network = nn.Sequential(RowsAsImage(28, 1), ConvolutionalAutoencoder(1, 4, 2), nn.Flatten())
    with Curves(str(tmp_path)) as curves:
        curves(Epoch(0, 2.0, 3.0, 0.1, network=network, looked_at=torch.rand(10, 784)))
    written = accumulator.EventAccumulator(str(tmp_path / "fit-1")).Reload()
    (image,) = written.Images("images/given_over_drawn")
    assert (image.width, image.height) == (8 * 28, 2 * 28)
    assert list((tmp_path / "fit-1").rglob("sprite.png"))


def test_kinds_are_told_right_or_wrong():
    kinds = torch.tensor([0, 0, 0, 1])
    odds = torch.tensor([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]])
    found = metrics(Look(torch.zeros(4, 2), odds, kinds=kinds))
    assert found == {"metrics/accuracy": 0.75, "metrics/balanced_accuracy": 0.5}
