"""How high the learning rate stands, against torch's own schedules."""

import pytest

from oddflow.errors import UsageError
from oddflow.training.pace import Course, Pace, Pacer

torch = pytest.importorskip("torch")


def heights(schedule, losses, *, epochs=40, patience=9, usual=Course.CONSTANT, **more):
    pacer = Pacer(Pace(schedule, **more), epochs=epochs, patience=patience, usual=usual)
    found = []
    for number, loss in enumerate(losses):
        found.append(pacer.share(number))
        pacer.see(loss)
    return found


def torchs(make, losses):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimiser)
    found = []
    for loss in losses:
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step(*([loss] if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau) else []))
    return found


LOSSES = [3.0, 2.0, 2.0, 1.9999, 2.1, 2.0, 1.0, *[1.0] * 12, -1.0, *[-1.00005] * 9]
of = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        ("plateau", lambda o: of.ReduceLROnPlateau(o, factor=0.5, patience=3)),
        ("cosine", lambda o: of.CosineAnnealingLR(o, T_max=40)),
        ("step", lambda o: of.StepLR(o, step_size=7, gamma=0.5)),
        ("restarts", lambda o: of.CosineAnnealingWarmRestarts(o, T_0=7, T_mult=2)),
    ],
)
def test_rates_are_those_of_torch(schedule, make):
    assert heights(schedule, LOSSES, cycle=7) == pytest.approx(torchs(make, LOSSES), abs=1e-12)


def test_it_climbs_first_and_then_begins():
    assert heights("step", [1.0] * 7, warm_up=3, cycle=2) == [0.25, 0.5, 0.75, 1, 1, 0.5, 0.5]


def test_what_is_usual_is_for_the_loop_to_say():
    assert heights("usual", [1.0] * 9) == [1] * 9
    assert heights("usual", [1.0] * 9, usual=Course.PLATEAU) == heights("plateau", [1.0] * 9)
    assert heights("plateau", [1.0] * 9)[-1] < 1


@pytest.mark.parametrize(
    "wrong", [{"schedule": "up"}, {"clipping": "all"}, {"cycle": 0}, {"warm_up": -1}, {"clip": float("nan")}]
)
def test_a_pace_that_is_none_is_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Pace(**wrong).check("autoencoder")
