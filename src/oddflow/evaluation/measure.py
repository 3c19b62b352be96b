"""The measures by name: what a table may show, and which of them are better when they are smaller."""

import re
from dataclasses import dataclass
from enum import StrEnum

from oddflow.errors import UsageError

_FORM = re.compile(r"^([a-z0-9_]+)(?:\[(.+)\])?$")


class Measure(StrEnum):
    """What is measured of the rows of a test part; each in 0 to 1 unless its unit says otherwise.

    Those of classes take the confusion matrix, those of scores the ranking, those of probabilities how well they hold.
    """

    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced_accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    MACRO_PRECISION = "macro_precision"
    MACRO_RECALL = "macro_recall"
    MACRO_F1 = "macro_f1"
    WEIGHTED_F1 = "weighted_f1"
    DETECTION_RATE = "detection_rate"
    FALSE_ALARM_RATE = "false_alarm_rate"
    FALSE_ALARMS_A_DAY = "false_alarms_a_day"
    ROC_AUC = "roc_auc"
    AVERAGE_PRECISION = "average_precision"
    PARTIAL_AUC = "partial_auc"
    COST = "cost"
    BRIER = "brier"
    CALIBRATION_ERROR = "calibration_error"

    @property
    def of_classes(self) -> bool:
        """Whether it is told by the confusion matrix alone."""
        return self not in OF_SCORES | OF_PROBABILITIES


OF_SCORES = {Measure.ROC_AUC, Measure.AVERAGE_PRECISION, Measure.PARTIAL_AUC, Measure.COST}
OF_PROBABILITIES = {Measure.BRIER, Measure.CALIBRATION_ERROR}
OF_ONE_CLASS = {Measure.PRECISION, Measure.RECALL, Measure.F1}
"""These may be asked for a class by its name: "recall[r2l]"."""

SMALLER_IS_BETTER = {
    Measure.FALSE_ALARM_RATE, Measure.FALSE_ALARMS_A_DAY, Measure.COST, Measure.BRIER, Measure.CALIBRATION_ERROR
}  # fmt: skip

TITLES = {
    Measure.ROC_AUC: "ROC AUC",
    Measure.PARTIAL_AUC: "AUC up to 1 % false alarms",
    Measure.AVERAGE_PRECISION: "average precision",
    Measure.COST: "expected cost",
    Measure.BRIER: "Brier score",
    Measure.F1: "F1",
    Measure.MACRO_F1: "macro F1",
    Measure.WEIGHTED_F1: "weighted F1",
}
AS_PERCENT = {
    measure
    for measure in Measure
    if measure.of_classes and measure is not Measure.FALSE_ALARMS_A_DAY
}  # fmt: skip
"""What tables show in percent, as papers do; the others stay between 0 and 1."""


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """A measure, of one class or of all.

    Attributes:
        measure: Which.
        of: The class, by its name; "" for all, or for attacks against normal rows.
    """

    measure: Measure
    of: str = ""

    @classmethod
    def read(cls, text: str) -> "Asked":
        """From its text: "macro_f1", "recall[r2l]".

        Raises:
            UsageError: There is none of that name, or it is not one of single classes.
        """
        form = _FORM.match(text)
        if form is None or form[1] not in list(Measure):
            raise UsageError(f"there is no measure {text!r}; there are {', '.join(Measure)}")
        measure, of = Measure(form[1]), form[2] or ""
        if of and measure not in OF_ONE_CLASS:
            raise UsageError(f"{measure} is not of one class; precision, recall and f1 are: recall[{of}]")
        return cls(measure, of)

    def __str__(self) -> str:
        """As it is read."""
        return f"{self.measure}[{self.of}]" if self.of else str(self.measure)

    @property
    def title(self) -> str:
        """As tables call it."""
        known = TITLES.get(self.measure, str(self.measure).replace("_", " "))
        return f"{known} of {self.of}" if self.of else known

    def shown(self, value: float) -> str:
        """A value of it as tables show it.

        >>> Asked.read("accuracy").shown(0.83281), Asked.read("roc_auc").shown(0.97012)
        ('83.28', '0.9701')
        """
        if self.measure is Measure.FALSE_ALARMS_A_DAY:
            return f"{value:,.0f}"
        return f"{100 * value:.2f}" if self.measure in AS_PERCENT else f"{value:.4f}"
