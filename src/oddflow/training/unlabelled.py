"""What rows without labels are good for, beside a few that have some; `training/guessing.py` does it."""

from dataclasses import dataclass
from enum import StrEnum

from oddflow.errors import UsageError


class Use(StrEnum):
    """How a network learns from rows without labels.

    MASKED: It first learns to fill in columns that are hidden from it, and what it learnt there is fine-tuned on the
    labels (Devlin et al. 2019; for tables, Yoon et al. 2020, "VIME").
    PSEUDO_LABELS: Where it is sure of a row's class, that is the row's label (Lee 2013).
    CONSISTENCY: Where it is sure, the same row with columns hidden must have that class too (Sohn et al. 2020,
    "FixMatch").
    """

    MASKED = "masked"
    PSEUDO_LABELS = "pseudo-labels"
    CONSISTENCY = "consistency"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """What is made of rows without labels, where there are any.

    Attributes:
        use: A word of `Use`.
        hidden_share: Share of the columns that are hidden from the network; each gets its value in another row.
        pretraining: Epochs of filling in, at most.
        confidence: The least probability of a class that a row without a label must have to count.
        unlabelled_weight: What all such rows weigh together beside all with a label.
    """

    use: str = Use.CONSISTENCY
    hidden_share: float = 0.25
    pretraining: int = 20
    confidence: float = 0.95
    unlabelled_weight: float = 1.0

    def check(self, name: str) -> None:
        """Raises UsageError where an option of the detector of that name is not as it must be."""
        if self.use not in list(Use):
            raise UsageError(f"use of {name} must be one of {', '.join(Use)}; {self.use!r} given")
        for option, least, greatest in (
            ("hidden_share", 0.01, 0.99),
            ("pretraining", 1, 1_000_000),
            ("confidence", 0, 1),
            ("unlabelled_weight", 0, 1_000),
        ):
            given = getattr(self, option)
            if not (isinstance(given, (int, float)) and least <= given <= greatest):
                raise UsageError(f"{option} of {name} must be from {least:g} to {greatest:g}; {given!r} given")
