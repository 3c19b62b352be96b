"""Time: what is tested on should come after what is learnt from, as it does for whoever uses the model."""

from oddflow.datasets.leaks.finding import Finding, Severity, by_share, percent
from oddflow.datasets.rows import LabelledRows, Split

CHECK = "order in time"


def order_in_time(rows: LabelledRows, split: Split, _seed: int = 0) -> list[Finding]:
    """How many test rows end before the last training row does."""
    if rows.times_ns is None:
        return [Finding(CHECK, Severity.NOT_CHECKED, "the set says nothing of times")]
    train, test = rows.times_ns[split.train], rows.times_ns[split.test]
    early, late = float((test < train.max()).mean()), float((train > test.min()).mean())
    figures = {"test_before_train_ends": early, "train_after_test_begins": late}
    if not early:
        return [Finding(CHECK, Severity.CLEAN, "all test rows come after all training rows", figures=figures)]
    what = (
        f"{percent(early)} of the test rows end before the last training row does, and {percent(late)} of the training "
        "rows end after the first test row"
    )
    advice = "split by time: a model that has seen what came later knows more than it will when it is used"
    return [Finding(CHECK, by_share(early, warning=0.05, severe=2), what, advice, figures)]
