"""What makes a result on a data set better than it is: checks of labelled rows and of how they are split."""

from collections.abc import Callable, Sequence

from oddflow.datasets.leaks.addresses import labels_by_address
from oddflow.datasets.leaks.captures import shared_captures
from oddflow.datasets.leaks.finding import Finding, Severity
from oddflow.datasets.leaks.identifiers import identifying_features
from oddflow.datasets.leaks.near import near_repeats
from oddflow.datasets.leaks.order import order_in_time
from oddflow.datasets.leaks.repeats import exact_repeats
from oddflow.datasets.leaks.single import single_features
from oddflow.datasets.rows import LabelledRows, Split

Check = Callable[[LabelledRows, Split, int], list[Finding]]
"""Takes the rows, how they are split and a seed."""

CHECKS: tuple[Check, ...] = (
    exact_repeats, near_repeats, identifying_features, single_features, labels_by_address, order_in_time,
    shared_captures,
)  # fmt: skip


def check_leaks(rows: LabelledRows, split: Split, *, seed: int = 0) -> list[Finding]:
    """All that the checks find, in a fixed order; the same for the same rows, split and seed.

    Args:
        rows: n rows of d features; d ≤ 4,096.
        split: Which of them are learnt from and which tested on; both have rows.
        seed: Of the samples that the slow checks look at.

    Returns:
        At least one finding of each check: also that all is well, or that it could not be told.
    """
    return [finding for check in CHECKS for finding in check(rows, split, seed)]


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """The gravest first, else in their order."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: -order.index(finding.severity))


__all__ = ["Finding", "Severity", "by_weight", "check_leaks"]
