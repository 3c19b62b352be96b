"""Alerts on disk: one JSON object a line."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oddflow.errors import InputError, Unreadable, UsageError
from oddflow.files import reason_of, whole_file
from oddflow.models.manifest import MOST_FEATURES
from oddflow.verdicts.alert import Alert, Reason

Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Name = Annotated[str, Field(max_length=1_024)]
Country = Annotated[str, Field(pattern="^([A-Z]{2})?$")]
Chance = Annotated[float, Field(ge=0, le=1)]
Technique = Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")]
Length = Annotated[int, Field(ge=-65_535, le=65_535)]
Single = Annotated[float, Field(ge=-3.4028235e38, le=3.4028235e38)]
"""What float32 can hold."""


class _Reason(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    feature: str
    value: float
    normal_low: float
    normal_high: float
    share: Annotated[float, Field(ge=0, le=1)]
    text: str


class _Record(BaseModel):
    """What a line must hold; everything in it may be hostile."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    id: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    start: datetime
    end: datetime
    src_ip: Annotated[str, Field(max_length=64)]
    src_port: Port
    dst_ip: Annotated[str, Field(max_length=64)]
    dst_port: Port
    protocol: Annotated[int, Field(ge=0, le=255)]
    community_id: str = ""
    score: float
    rarity: str
    reasons: list[_Reason]
    packets: Count
    size_bytes: Count
    lengths: list[Length] = []
    gaps_us: list[Count] = []
    payload: str = ""
    source: str
    first_packet: Count = 0
    wireshark_filter: str = ""
    truth: str | None = None
    captures: list[str] = []
    incident: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")] = ""
    payload_bytes: Count = 0
    pseudonyms: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")] = ""
    record_id: str = ""
    label: str = ""
    category: str = ""
    category_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    src_name: Name = ""
    dst_name: Name = ""
    src_country: Country = ""
    dst_country: Country = ""
    intelligence: Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=64)] = []
    p_value: Chance | None = None
    p_low: Chance | None = None
    p_high: Chance | None = None
    context_p_value: Chance | None = None
    threshold: float = 0.0
    row: Annotated[list[Single], Field(max_length=MOST_FEATURES)] = []
    kind: Annotated[str, Field(pattern="^(point|contextual|collective|)$")] = ""
    techniques: Annotated[list[Technique], Field(max_length=32)] = []

    def alert(self) -> Alert:
        """The alert this line stands for."""
        fields: dict[str, Any] = self.model_dump(exclude={"start", "end", "reasons", "payload", "row"})
        for name in ("lengths", "gaps_us", "captures", "techniques", "intelligence"):
            fields[name] = tuple(fields[name])
        return Alert(
            **fields,
            # a stored time is cut to µs: the last packet of the flow must still be inside
            start_ns=_ns(self.start),
            end_ns=_ns(self.end) + 999,
            payload=bytes.fromhex(self.payload),
            row=np.array(self.row, "<f4").tobytes(),
            reasons=tuple(Reason(**reason.model_dump()) for reason in self.reasons),
        )


def _ns(time: datetime) -> int:
    delta = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def alert_json(alert: Alert) -> str:
    """An alert as one line of text; times are cut to µs.

    Raises:
        InputError: It holds a number that JSON has not.
    """
    try:
        text = json.dumps(alert.as_dict(), ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise InputError(f"alert {alert.id} holds a number that is none, or infinite; it cannot be written") from None
    return text.encode("utf-8", "replace").decode()  # a file name may hold bytes that are no UTF-8


def alert_of_json(text: str | bytes) -> Alert:
    """The alert that such a line stands for.

    Raises:
        InputError: It is none; why.
    """
    try:
        return _Record.model_validate_json(text).alert()
    except (ValueError, OverflowError) as error:
        raise InputError(f"that is no alert: {_what_is_wrong(error)}; expected one that `oddflow` wrote") from None


def write_alerts(path: str, alerts: Iterable[Alert]) -> None:
    """Writes alerts, the file whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_file(path) as file:
        for alert in alerts:
            file.write(f"{alert_json(alert)}\n".encode())


def read_alerts(path: str) -> Iterator[Alert]:
    """Reads alerts back.

    Raises:
        Unreadable: The file cannot be read.
        InputError: A line is no alert; which, and why.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield _Record.model_validate_json(line).alert()
                except (ValueError, OverflowError) as error:
                    raise InputError(
                        f"{path}, line {number}: {_what_is_wrong(error)}; "
                        "expected a file that `oddflow detect -o` wrote"
                    ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} holds no text; expected a file that `oddflow detect -o` wrote") from None
    except OSError as error:
        raise Unreadable(
            f"{path} cannot be read: {reason_of(error)}; expected a file that `oddflow detect -o` wrote"
        ) from None


def _what_is_wrong(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def find_alert(path: str, alert_id: str) -> Alert:
    """The alert whose id starts with these letters.

    Raises:
        UsageError: None does, or more than one.
    """
    found = [alert for alert in read_alerts(path) if alert_id and alert.id.startswith(alert_id)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} alerts in {path} have an id that starts with {alert_id!r}; "
            + ("give more of it" if found else "each line of that file starts with one, and the report shows them")
        )
    return found[0]
