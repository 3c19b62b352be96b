"""Notices as the API tells them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from oddflow.server.store.notices import Notice
from oddflow.server.web.shapes.times import moment


class NoticeShape(BaseModel):
    """One thing that was, or is, wrong."""

    id: int
    sensor: str
    source: Annotated[str, Field(description="Empty where it is of the service as a whole.")]
    code: Annotated[str, Field(examples=["store-down"])]
    level: Annotated[str, Field(examples=["warning"])]
    text: str
    began: datetime | None
    ended: Annotated[datetime | None, Field(description="Null while it goes on.")]

    @classmethod
    def of(cls, stored: Notice) -> Self:
        """From the store."""
        return cls(
            id=stored.id,
            sensor=stored.sensor,
            source=stored.source,
            code=stored.code,
            level=stored.level,
            text=stored.text,
            began=moment(stored.began_s),
            ended=moment(stored.ended_s),
        )
