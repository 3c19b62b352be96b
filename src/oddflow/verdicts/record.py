"""Alerts on disk: one JSON object a line."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oddflow.capture.stream import reason_of
from oddflow.errors import InputError, OutputError, Unreadable, UsageError
from oddflow.verdicts.alert import Alert, Reason

Port = Annotated[int, Field(ge=0, le=65_535)]


class _Reason(BaseModel):
    model_config = ConfigDict(extra="ignore")
    feature: str
    value: float
    normal_low: float
    normal_high: float
    share: float
    text: str


class _Record(BaseModel):
    """What a line must hold; everything in it may be hostile."""

    model_config = ConfigDict(extra="ignore")
    id: Annotated[str, Field(min_length=1, max_length=64)]
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
    packets: int
    size_bytes: int
    lengths: list[int] = []
    gaps_us: list[int] = []
    payload: str = ""
    source: str
    first_packet: int = 0
    wireshark_filter: str = ""
    truth: str | None = None

    def alert(self) -> Alert:
        """The alert this line stands for."""
        fields: dict[str, Any] = self.model_dump(exclude={"start", "end", "reasons", "payload"})
        for name in ("lengths", "gaps_us"):
            fields[name] = tuple(fields[name])
        return Alert(
            **fields,
            # a stored time is cut to µs: the last packet of the flow must still be inside
            start_ns=_ns(self.start),
            end_ns=_ns(self.end) + 999,
            payload=bytes.fromhex(self.payload),
            reasons=tuple(Reason(**reason.model_dump()) for reason in self.reasons),
        )


def _ns(time: datetime) -> int:
    delta = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def write_alerts(path: str, alerts: Iterable[Alert]) -> None:
    """Writes alerts, the file whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            for alert in alerts:
                file.write(json.dumps(alert.as_dict(), ensure_ascii=False, allow_nan=False) + "\n")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {reason_of(error)}") from None


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
                except (ValidationError, ValueError) as error:
                    first = str(error).splitlines()[0]
                    raise InputError(f"{path}, line {number}: no alert of `oddflow detect -o`: {first}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read: {reason_of(error)}") from None


def find_alert(path: str, alert_id: str) -> Alert:
    """The alert whose id starts with these letters.

    Raises:
        UsageError: None does, or more than one.
    """
    found = [alert for alert in read_alerts(path) if alert_id and alert.id.startswith(alert_id)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} alerts in {path} have an id that starts with {alert_id!r}; "
            + ("give more of it" if found else "the ids stand in the first column of each line and in the report")
        )
    return found[0]
