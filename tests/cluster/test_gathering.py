"""A baseline read by a cluster is the baseline read here, and its model the model."""

import os
import signal
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

from oddflow import api, baselines
from oddflow.errors import InputError, NothingMetered, UsageError
from oddflow.features.gathering import gather as gather_rows
from oddflow.logs.source import arrange
from oddflow.losses import Ledger
from tests.capture.build import pcap
from tests.cli.call import call
from tests.cli.captures import capture

pytest.importorskip("ray")

from oddflow.cluster import fitting
from oddflow.cluster.gathering import gather
from oddflow.cluster.shares import RayShares
from oddflow.learning import learn, over_shares
from oddflow.models.sealed import SealedModel
from oddflow.models.sketches.shares import Rows, Stretch
from oddflow.training.run import Run

FACTS = ("features", "flows", "start_ns", "end_ns", "home_networks", "context", "version", "incomplete", "groups")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Three captures of an office, the last of which breaks off; one holds packets that are not metered."""
    folder = tmp_path_factory.mktemp("apart")
    contents = {"a": capture(), "b": capture(arp=True, seed=2), "c": capture(seed=3)[:-2_000]}
    paths = [folder / f"{name}.pcap" for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return [str(path) for path in paths]


def spread(sources, detector="robust-pca", **given):
    ledger = Ledger()
    return gather(arrange(sources, ledger), baselines.view_of(detector), ledger=ledger, **given)


@pytest.mark.parametrize("detector", ["robust-pca", "packet-markov-chain"])
def test_rows_are_those_of_one_machine(ray_here, sources, detector):
    pytest.importorskip("torch")
    here, there = baselines.gather(*sources, detector=detector), spread(sources, detector).together()
    for name in ("x", "times_ns", "hosts"):
        assert np.array_equal(getattr(there, name), getattr(here, name))
    assert {name: getattr(there, name) for name in FACTS} == {name: getattr(here, name) for name in FACTS}
    assert there.ledger.as_dict() == here.ledger.as_dict()
    assert [seen.as_dict() for seen in there.seen] == [seen.as_dict() for seen in here.seen]


def test_of_too_long_a_baseline_the_same_rows_are_kept(ray_here, sources):
    view, ledger = baselines.view_of("robust-pca"), Ledger()
    here = gather_rows(
        arrange(sources, ledger), view.representation(), settings=view.settings, ledger=ledger, max_rows=100
    )
    there = spread(sources, max_rows=100).together()
    assert 0 < len(here.x) < here.flows
    assert np.array_equal(there.x, here.x)
    assert np.array_equal(there.times_ns, here.times_ns)


def test_a_source_that_cannot_be_read_is_said_as_here(ray_here, sources, tmp_path):
    (tmp_path / "words.pcap").write_text("no capture at all")
    with pytest.raises(InputError, match=r"words\.pcap") as there:
        spread([sources[0], str(tmp_path / "words.pcap")])
    with pytest.raises(InputError) as here:
        baselines.gather(str(tmp_path / "words.pcap"), detector="robust-pca")
    assert str(there.value) == str(here.value)
    with pytest.raises(UsageError, match="standard input"):
        spread([sources[0], "-"])
    (tmp_path / "nothing.pcap").write_bytes(pcap([]))
    with pytest.raises(NothingMetered, match=r"nothing\.pcap"):
        spread([str(tmp_path / "nothing.pcap")])


@pytest.fixture
def few(monkeypatch):
    """A baseline of a few hundred flows stays apart, as one of many thousands does."""
    for module in (learn, over_shares, fitting):
        monkeypatch.setattr(module, "CROSS_AT_MOST", 100)


def facts(path):
    model = SealedModel.load(path)
    told = model.manifest.model_dump()
    del told["created"], told["provenance"]["durations_s"]
    return told, dict(model.parts)


@pytest.mark.parametrize("name", ["robust-pca", "isolation-forest"])
def test_learn_gives_the_model_of_one_machine(ray_here, few, sources, tmp_path, name):
    pytest.importorskip("sklearn")
    words = ("--detector", name, "--seed", 4, "--json")
    assert call("learn", *sources, *words, "-o", tmp_path / "here.oddflow").code == 0
    told = call("learn", *sources, *words, "-o", tmp_path / "there.oddflow", "--ray", "local")
    assert told.code == 0, told
    assert told.json["detector"] == name
    assert facts(tmp_path / "there.oddflow") == facts(tmp_path / "here.oddflow")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--detector", "robust-pca", "--option", "core=0.8"), "core"),
        (("--detector", "kitnet"), "leave --ray out"),
        (("--detector", "robust-pca", "--device", "cuda"), "learnt at once"),
    ],
)
def test_learn_says_what_one_machine_must_do(ray_here, few, sources, tmp_path, words, why):
    told = call("learn", *sources, *words, "-o", tmp_path / "none.oddflow", "--ray", "local")
    assert (told.code, why in told.message) == (2, True), told


def test_rows_that_are_here_are_learnt_here(sources):
    rows = baselines.gather(sources[0], detector="robust-pca")
    with pytest.raises(UsageError, match="learnt at once"):
        api.learn_gathered(rows, detector="robust-pca", run=Run(elsewhere=fitting.RayFitting(RayShares([]))))


@dataclass(frozen=True)
class Deadly:
    """A pass that kills the process in which it is tried first."""

    mark: str

    def __call__(self, x, places):
        if not Path(self.mark).exists():
            Path(self.mark).write_text("killed")
            os.kill(os.getpid(), signal.SIGKILL)
        return [Rows(x, places)]


@dataclass(frozen=True)
class DeadlyView(baselines.View):
    """A view that kills the process in which it is tried first, unless that is ours."""

    ours: int = 0
    mark: str = ""

    def representation(self):
        if os.getpid() != self.ours and not Path(self.mark).exists():
            Path(self.mark).write_text("killed")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().representation()


def test_a_process_that_is_killed_while_it_reads_changes_nothing(ray_here, sources, tmp_path):
    view, mark, ledger = baselines.view_of("robust-pca"), tmp_path / "mark", Ledger()
    whole = {field.name: getattr(view, field.name) for field in fields(view)}
    found = gather(sources, DeadlyView(**whole, ours=os.getpid(), mark=str(mark)), ledger=ledger).together()
    assert mark.exists()
    assert np.array_equal(found.x, baselines.gather(*sources, detector="robust-pca").x)


def test_a_process_that_is_killed_changes_nothing(ray_here, sources, tmp_path):
    one = spread(sources)
    together = one.together()
    [rows] = one.shares.told(Deadly(str(tmp_path / "mark")), Stretch(0, len(together.x)))
    assert (tmp_path / "mark").exists()
    assert np.array_equal(rows.x, together.x[np.argsort(together.times_ns, kind="stable")])
