"""The evaluation card of a sealed model: tables of what its detector got where attacks are known, checked when read."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_TABLES = 64
MOST_ROWS = 256
MOST_FIGURES = 128

Text = Annotated[str, Field(max_length=1_024)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CardFigure(_Part):
    """A figure and its 95 % interval, in the measure's own unit."""

    measure: Text
    title: Text
    value: float
    low: float
    high: float


class CardRow(_Part):
    """What one entry got on one test part; `own` where it is the sealed model's detector."""

    title: Text
    detector: Text
    part: Text
    own: bool = False
    figures: Annotated[list[CardFigure], Field(max_length=MOST_FIGURES)] = []


class CardTable(_Part):
    """One protocol's results.

    `label` is "protocol" for one that was committed before the test rows were looked at, else "exploratory", and `why`
    says what makes it so. `data_sha256` are of the rows, `warnings` what the leak checks found.
    """

    name: Text
    label: Text
    why: Text = ""
    date: Text = ""
    commit: Text = ""
    data_sha256: Annotated[list[Text], Field(max_length=64)] = []
    provenance: Annotated[list[Text], Field(max_length=64)] = []
    warnings: Annotated[list[Text], Field(max_length=64)] = []
    rows: Annotated[list[CardRow], Field(max_length=MOST_ROWS)] = []


class Card(_Part):
    """All tables; figures are of the detector learnt anew in each protocol, not of the sealed weights."""

    format_version: Annotated[int, Field(ge=1, le=1)] = 1
    tables: Annotated[list[CardTable], Field(min_length=1, max_length=MOST_TABLES)]

    @classmethod
    def read(cls, document: bytes) -> "Card":
        """From a part of a model.

        Raises:
            ValueError: What is wrong with it, in words.
        """
        try:
            return cls.model_validate_json(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"]) or "its top"
            raise ValueError(f"wrong at {place}: {first['msg']}") from None

    def written(self) -> bytes:
        """As the part holds it."""
        return self.model_dump_json(indent=1).encode()
