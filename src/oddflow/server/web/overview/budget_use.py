"""What of the budget of false alarms is used: what was promised beside what was shown."""

from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.charts import share_bar
from oddflow.reports.words import number
from oddflow.server.settings.settings import Settings
from oddflow.server.status import SourceStatus
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.store import Store
from oddflow.server.web.drawing.spark import sparkline

DAY_S = 86_400
HOUR_S = 3_600
LEAST_PERIOD_S = 86_400
"""A budget of minutes or hours is told of the last day, too: an hour says little."""


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One source.

    Attributes:
        source, model, budget: Its name, what judges it, and what was asked in words.
        period: How long is looked back, in words.
        allowed: So many false alarms are put up with in that time; None where a share was asked and nothing is judged.
        alerts: Shown in that time.
        benign: Of these, what people called benign: false alarms that are known.
        judged: Flows scored in that time.
        bar: What of the allowed is used by those.
        course: Alerts an hour in the last day.
        hidden: What feedback hid since the start.
        drift: How traffic differs from what the model learnt, in words.
    """

    source: str
    model: str
    budget: str
    period: str
    allowed: float | None
    alerts: int
    benign: int
    judged: int
    bar: Markup
    course: Markup
    hidden: int
    drift: tuple[str, ...]

    @property
    def allowed_words(self) -> str:
        """So many false alarms may be, in words."""
        if self.allowed is None:
            return "not known yet"
        return f"{number(round(self.allowed, 1))} may be false"


def budget_uses(settings: Settings, sources: list[SourceStatus], store: Store, now_s: float) -> list[BudgetUse]:
    """Of all sources that something judges."""
    asked = {source.name: source for source in settings.sources}
    hours = store.measures.series(
        ["alerts", "judged"],
        since_s=(int(now_s) // HOUR_S - 23) * HOUR_S,
        until_s=(int(now_s) // HOUR_S + 1) * HOUR_S,
        step_s=HOUR_S,
    )
    judging = [told for told in sources if told.model]
    found = []
    for told in judging:
        source = asked.get(told.name)
        wanted = source.wanted if source is not None else None
        named = hours.get(told.name, {})
        judged = round(sum(value for _, value in named.get("judged", ())))
        allowed = None
        if wanted is not None and wanted.per_s is not None:
            allowed = wanted.per_s * LEAST_PERIOD_S
        elif wanted is not None and wanted.share is not None and judged:
            allowed = wanted.share * judged
        since_ns = round((now_s - LEAST_PERIOD_S) * 1e9)
        # of all sources it is a short walk along an index of what has a verdict
        only = told.name if len(judging) > 1 else None
        benign = store.alerts.count(AlertFilter(source=only, since_ns=since_ns, verdict="benign"))
        found.append(
            BudgetUse(
                source=told.name,
                model=told.model,
                budget=told.budget or (wanted.text if wanted is not None else ""),
                period="last day",
                allowed=allowed,
                alerts=store.alerts.count(AlertFilter(source=told.name, since_ns=since_ns)),
                benign=benign,
                judged=judged,
                bar=share_bar(benign / allowed) if allowed else Markup(""),
                course=_course(dict(named.get("alerts", ())), now_s),
                hidden=told.hidden_alerts,
                drift=tuple(told.drift),
            )
        )
    return found


def _course(alerts: dict[int, float], now_s: float) -> Markup:
    last = int(now_s) // HOUR_S * HOUR_S
    values = [alerts.get(last - place * HOUR_S, 0.0) for place in range(23, -1, -1)]
    if not any(values):
        return Markup("")
    return sparkline(values, f"alerts an hour in the last day, at most {max(values):,.0f}")
