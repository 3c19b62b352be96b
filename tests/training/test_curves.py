from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from oddflow.training.curves import Curves
from oddflow.training.loop import Epoch


def test_each_epoch_is_a_point_of_each_curve(tmp_path):
    with Curves(str(tmp_path)) as curves:
        curves(Epoch(0, 2.0, 3.0, 0.1))
        curves(Epoch(1, 1.0, 2.5, 0.1))
    written = EventAccumulator(str(tmp_path)).Reload()
    assert set(written.Tags()["scalars"]) == {"loss/train", "loss/validation", "learning_rate"}
    assert [point.value for point in written.Scalars("loss/validation")] == [3.0, 2.5]
