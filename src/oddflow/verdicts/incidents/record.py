"""Incidents as text: one JSON object each, nothing lost but the top alerts, of which it has the ids."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oddflow.errors import InputError
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.incidents.incident import Incident, Severity, Stage

Whole = Annotated[int, Field(ge=0, lt=1 << 63)]
Chance = Annotated[float, Field(ge=0, le=1)]
Host = Annotated[str, Field(max_length=64)]
Identifier = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
Truths = list[tuple[str, Whole]]


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Stage(_Told):
    title: str
    category: str
    probability: Chance
    techniques: list[str]
    first_ns: Whole
    last_ns: Whole
    alerts: Whole
    sources: list[Host]
    targets: list[Host]
    source_count: Whole
    target_count: Whole
    port_count: Whole
    protocol: Annotated[int, Field(ge=0, le=255)]
    port: Annotated[int, Field(ge=0, le=65_535)] | None
    size_bytes: Whole
    reason: str
    score: float
    truths: Truths = []

    def stage(self) -> Stage:
        """The stage that this stands for."""
        return Stage(**_fields(self))


class _Record(_Told):
    """What the text must hold; everything in it may be hostile."""

    id: Identifier
    title: str
    severity: Severity
    points: Annotated[int, Field(ge=0, le=100)]
    first_ns: Whole
    last_ns: Whole
    hosts: list[Host]
    category: str
    category_probability: Chance
    techniques: list[str]
    alerts: Whole
    alert_ids: list[Identifier]
    stages: list[_Stage]
    stage_count: Whole
    evidence: list[str]
    top: list[Identifier]
    links: list[tuple[Host, Host, Whole]]
    score: float
    labels: list[str] = []
    truths: Truths = []


def _fields(model: BaseModel) -> dict[str, Any]:
    """As the frozen dataclasses have them: tuples in place of lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in ((name, getattr(model, name)) for name in type(model).model_fields)
    }


def incident_json(incident: Incident) -> str:
    """An incident as one line of text."""
    record = asdict(replace(incident, top=())) | {"top": [alert.id for alert in incident.top]}
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode()


class ToldIncident:
    """An incident read from text, which lacks the alerts at its top.

    Raises:
        InputError: It is no incident; why.
    """

    def __init__(self, text: str | bytes) -> None:
        try:
            self._record = _Record.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"that is no incident: {place + ': ' if place else ''}{first['msg']}") from None

    @property
    def top(self) -> list[str]:
        """The ids of its highest-scoring alerts."""
        return self._record.top

    @property
    def alert_ids(self) -> list[str]:
        """The ids of its alerts, as many as are listed."""
        return self._record.alert_ids

    def incident(self, top: Sequence[Alert]) -> Incident:
        """The incident, with these alerts at its top."""
        fields = _fields(self._record)
        fields["stages"] = tuple(stage.stage() for stage in self._record.stages)
        return Incident(**fields | {"top": tuple(top)})
