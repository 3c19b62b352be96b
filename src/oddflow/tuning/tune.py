"""From rows to the options that suit them best."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from oddflow.detectors.base import Detector
from oddflow.tuning.folds import Dealing
from oddflow.tuning.material import Material
from oddflow.tuning.objective import Objective
from oddflow.tuning.search import Listener, Plan, Search
from oddflow.tuning.space import space_of
from oddflow.tuning.tuned import Tuned


def tune(
    material: Material,
    kind: type[Detector],
    *,
    fixed: Mapping[str, Any] | None = None,
    vary: Sequence[str] = (),
    plan: Plan | None = None,
    dealing: Dealing | None = None,
    measure: str = "",
    listener: Listener | None = None,
    pool: Executor | None = None,
) -> Tuned:
    """Searches for the options of a detector that suit some rows best.

    Args:
        material: The rows to learn from; no row to test on is in it.
        kind: The detector.
        fixed: Options that are not varied.
        vary: Ranges in place of the usual ones, as `space_of` takes them. Where columns are chosen, nothing but these
            and the columns is varied.
        plan: How it is searched.
        dealing: How rows are dealt into folds.
        measure: What is made great, a word of `Measure`; the usual one of the purpose unless given.
        listener: Told after each trial.
        pool: Judges folds, and trials that are drawn at once, beside each other, with the same result: processes, or a
            cluster (`cluster.executor.RayExecutor`).

    Raises:
        UsageError: The detector cannot be judged on such rows, or there is nothing to vary.
        InputError: The study's file is none.
    """
    wanted = plan or Plan()
    told = dict(fixed or {})
    objective = Objective.of(
        kind, told, material, dealing=dealing or Dealing(seed=wanted.seed), measure=measure, seed=wanted.seed
    )
    space = space_of(kind, told, vary)
    if wanted.columns:
        asked = {text.partition("=")[0] for text in vary}
        space = [one for one in space if one.option in asked]
    search = Search(objective, space, wanted, pool)
    search.run(listener)
    return Tuned.of(search)
