"""The page of one search: one HTML file that needs nothing else."""

from datetime import datetime

from oddflow.reports.shell import rendered
from oddflow.tuning import charts
from oddflow.tuning.tuned import Tuned

LISTED = 100


def render(tuned: Tuned, lines: list[str], *, generated: datetime | None = None) -> str:
    """The page as HTML: a pure function of what is given and the time of generation.

    Args:
        tuned: What was found.
        lines: Commands that use it.
        generated: When the page was made; now if None.
    """
    ranked = sorted(tuned.trials, key=lambda trial: (trial.value is None, -(trial.value or 0.0), trial.number))
    return rendered(
        "search.html",
        generated=generated,
        more_style="search.css",
        tuned=tuned,
        lines=lines,
        ranked=ranked[:LISTED],
        names=list(charts.judged(tuned)[0].params),
        pruned=sum(trial.value is None for trial in tuned.trials),
        history=charts.history(tuned),
        importances=charts.importances(tuned) if tuned.importances else "",
        slices=charts.slices(tuned),
        parallel=charts.parallel(tuned) if charts.judged(tuned)[0].params else "",
        steps=charts.steps(tuned),
        usual_left=sum(one.usual for one in tuned.left_out) / max(1, len(tuned.left_out)),
        chosen_left=sum(one.chosen for one in tuned.left_out) / max(1, len(tuned.left_out)),
    )
