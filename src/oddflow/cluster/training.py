"""Learning on a cluster: Ray Train starts processes that know each other, and starts them again where one dies.

All of them do the same work of the same rows, and share each batch of each fit as processes of one machine do
(`training.fabric`); so the model is that of a single process, up to how sums are rounded. The first of them leaves
checkpoints with a keeper, which those that are started again go on from.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from oddflow.cluster.keeper import Keeper
from oddflow.cluster.starting import LOCAL, cluster
from oddflow.errors import ClusterFailed, UsageError
from oddflow.files import whole_file
from oddflow.learning.work import Work
from oddflow.training.fabric import GroupBroken
from oddflow.training.run import Device, Run

if TYPE_CHECKING:
    from oddflow.models.format import Archive
    from oddflow.training.loop import Epoch, EpochTold

MOST_DEATHS = 20
"""So often are processes started again; where more die, something is wrong with the work or the nodes."""
NEWS_S = 0.3
LEAVING_S = 60.0
"""So long are processes waited for whose model will not come; they look after each epoch whether it is wanted."""
CHECKPOINTS = "*.safetensors"


class _Unwanted(Exception):
    """Whoever asked for the model is gone."""


class RayTraining:
    """Learns on a cluster: a `Run.elsewhere`.

    Args:
        address: As `starting.cluster` takes it; where this process has joined a cluster already, it is that one.

    >>> from oddflow.training.run import Run
    >>> Run(processes=4, elsewhere=RayTraining("local")).processes
    4
    """

    def __init__(self, address: str = LOCAL) -> None:
        self.address = address

    def __call__(self, work: Work, told: "EpochTold | None" = None) -> "Archive":
        """Learns a model.

        Args:
            work: What is learnt; so many processes as its run says, each with a processor, or with a GPU.
            told: Told of each epoch, here.

        Raises:
            UsageError: The cluster has not as many processors or GPUs.
            ClusterFailed: It does not answer, or processes die again and again.
            OddflowError: As `Work.learnt`.
        """
        lasts = ray.is_initialized()
        with cluster(self.address, work.run.processes):
            return self._learnt(work, told, lasts=lasts)

    def _learnt(self, work: Work, told: "EpochTold | None", *, lasts: bool) -> "Archive":
        run = work.run
        device = _device(run)
        folder = run.checkpoints
        keeper = _keeper(_files(folder))
        sent = replace(work, run=replace(run, device=device, checkpoints=None, elsewhere=None))
        with TemporaryDirectory(prefix="oddflow-ray-") as place:
            trainer = TorchTrainer(
                partial(_learn, keeper, [ray.put(sent)]),
                scaling_config=ScalingConfig(num_workers=_count(run), use_gpu=device == Device.CUDA),
                run_config=RunConfig(
                    name="oddflow",
                    storage_path=place,
                    failure_config=FailureConfig(max_failures=MOST_DEATHS),
                ),
            )
            return _result(trainer, keeper, folder, told, lasts=lasts)


def _device(run: Run) -> str:
    """What its processes compute with, once it is sure that there is enough of it."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus, processors = int(there.get("GPU", 0)), int(there.get("CPU", 0))
    device = run.device
    if device == Device.AUTO:
        device = Device.CUDA if gpus >= run.processes else Device.CPU
    if device == Device.CUDA and gpus < run.processes:
        raise UsageError(
            f"{run.processes} processes need a GPU each, and the cluster has {gpus}; give --processes {max(1, gpus)}"
        )
    if processors < run.processes:
        raise UsageError(
            f"{run.processes} processes need a processor each, and the cluster has {processors}; give --processes "
            f"{processors}, or add nodes"
        )
    return device


def _count(run: Run) -> Any:
    """How many processes learn: where nodes may go, as few as are left, and as many again when others come."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    several = run.processes > 1 and sum(node["Alive"] for node in nodes) > 1
    return (1, run.processes) if several else run.processes


def _keeper(files: dict[str, bytes]) -> Any:
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    kept: Any = ray.remote(Keeper)
    return kept.options(num_cpus=0, scheduling_strategy=here).remote(files)


def _files(folder: Path | None) -> dict[str, bytes]:
    """The checkpoints of a folder, by their names."""
    if folder is None or not folder.is_dir():
        return {}
    try:
        return {path.name: path.read_bytes() for path in sorted(folder.glob(CHECKPOINTS))}
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}; give another folder of checkpoints") from None


def _result(
    trainer: TorchTrainer, keeper: Any, folder: Path | None, told: "EpochTold | None", *, lasts: bool
) -> "Archive":
    """Waits for the model, and hands on what is told meanwhile; `lasts`: the cluster is not left thereafter."""
    errors: list[Exception] = []

    def fit() -> None:
        try:
            trainer.fit()
        except Exception as error:  # noqa: BLE001  (it is raised below, by who waits)
            errors.append(error)

    # beside this thread, which listens; it does not outlive the process
    thread = threading.Thread(target=fit, name="ray-train", daemon=True)
    thread.start()
    try:
        with _lost():
            while thread.is_alive():
                thread.join(NEWS_S)
                _hand_on(keeper, folder, told)
            _hand_on(keeper, folder, told)
            archive = ray.get(keeper.archive.remote())
    except BaseException:
        with suppress(ray.exceptions.RayError):
            keeper.stop.remote()
        if lasts:
            # the keeper is there until they know, and they free their processors
            thread.join(LEAVING_S)
        raise
    if archive is None:
        said = _line(errors[0]) if errors else "they ended without a model"
        raise ClusterFailed(
            f"processes that learn died {MOST_DEATHS} times and more: {said}; look at the memory of the nodes, and "
            "learn with --checkpoints FOLDER to go on where it stood"
        )
    found: Archive = archive
    return found


def _hand_on(keeper: Any, folder: Path | None, told: "EpochTold | None") -> None:
    news = ray.get(keeper.news.remote())
    if told:
        for epoch in news.epochs:
            told(epoch)
    if folder is not None:
        for name, content in news.files.items():
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(str(folder / name)) as file:
                file.write(content)
    if news.failure is not None:
        raise news.failure


@contextmanager
def _lost() -> Iterator[None]:
    """Says in our words that the node of the keeper is gone."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise ClusterFailed(f"the cluster was lost while it learnt: {_line(error)}") from None


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _learn(keeper: Any, sent: list[Any]) -> None:
    """What each process does; the first gives the model to the keeper."""
    if ray.get(keeper.is_over.remote()):
        return
    work: Work = ray.get(sent[0])
    is_first = ray.train.get_context().get_world_rank() == 0
    with TemporaryDirectory(prefix="oddflow-checkpoints-") as place:
        folder = Path(place)
        told: Callable[[Epoch], None] | None = None
        if is_first:
            for name, content in ray.get(keeper.files.remote()).items():
                (folder / name).write_bytes(content)
            work = replace(work, run=replace(work.run, checkpoints=folder))
            told = _Telling(keeper, folder)
        try:
            archive = work.learnt(told, joined=True)
        except GroupBroken:
            raise
        except Exception as error:
            # whoever asked for the model is told; those that are started in the place of these see that it is over
            ray.get(keeper.fail.remote(error))
            raise
        if is_first:
            ray.get(keeper.give.remote(archive))


class _Telling:
    """Hands epochs and checkpoints of the first process to the keeper."""

    def __init__(self, keeper: Any, folder: Path) -> None:
        self._keeper = keeper
        self._folder = folder
        self._place = 0
        self._written = {path.name: path.stat().st_mtime_ns for path in folder.glob(CHECKPOINTS)}

    def __call__(self, epoch: "Epoch") -> None:
        """An epoch is over; the checkpoint of the one before it was written since."""
        for path in self._folder.glob(CHECKPOINTS):
            written = path.stat().st_mtime_ns
            if self._written.get(path.name) != written:
                self._written[path.name] = written
                self._keeper.keep.remote(path.name, path.read_bytes())
        if epoch.network is not None and epoch.looked_at is not None and epoch.looked_at.is_cuda:
            # whoever is told may have no GPU
            epoch = replace(epoch, network=deepcopy(epoch.network).cpu(), looked_at=epoch.looked_at.cpu())
        if not ray.get(self._keeper.tell.remote(self._place, epoch)):
            raise _Unwanted
        self._place += 1
