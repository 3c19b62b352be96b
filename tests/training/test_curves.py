import pytest

from tests.checks.problem import FEATURES, normal_rows

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
pytest.importorskip("torch")

from oddflow.detectors.autoencoder import AutoencoderDetector  # noqa: E402
from oddflow.training.curves import Curves  # noqa: E402
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
