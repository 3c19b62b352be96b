import json

import pytest

from oddflow.errors import InputError
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.record import ToldIncident, incident_json

from . import story


@pytest.fixture(scope="module")
def incident():
    gathered = Incidents(1.2)
    for one in [*story.scan(truth="scan"), *story.logins(30, label="\ud800\0"), story.upload(60, story.VICTIM)]:
        gathered.add(one)
    (found,) = gathered.open()
    return found


def test_comes_back_with_nothing_lost(incident):
    told = ToldIncident(incident_json(incident))
    assert told.top == [alert.id for alert in incident.top]
    assert told.alert_ids == list(incident.alert_ids)
    again = told.incident(incident.top)
    assert again.labels == ("?\0",)
    assert incident.labels == ("\ud800\0",)
    assert {name for name in incident.__slots__ if getattr(again, name) != getattr(incident, name)} == {"labels"}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../x"},
        {"severity": "worst"},
        {"points": 101},
        {"alerts": -1},
        {"first_ns": 1 << 63},
        {"category_probability": 2},
        {"score": "NaN"},
        {"alert_ids": ["<b>"]},
        {"stages": [{}]},
        {"hosts": ["x" * 65]},
        {"links": [["a", "b"]]},
        {"title": None},
    ],
    ids=str,
)
def test_what_is_no_incident_is_told(incident, change):
    (name,) = change
    with pytest.raises(InputError, match=f"that is no incident: {name}"):
        ToldIncident(json.dumps(json.loads(incident_json(incident)) | change))


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", "null", b"\xff"])
def test_what_is_no_record_is_told(text):
    with pytest.raises(InputError, match="that is no incident"):
        ToldIncident(text)
