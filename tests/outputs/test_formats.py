"""Every format, of ordinary and of hostile alerts, as its receivers read it."""

import csv
import io
import json
import re
import uuid
from datetime import datetime

import jsonschema
import pytest

from oddflow.outputs import cef, comma, stix
from oddflow.outputs.formats import FORMATS
from oddflow.outputs.notice import Severity, is_address, notice_of
from tests.outputs.make import ALERTS, HOSTILE, NASTY, RICH, SIX, Incident, said
from tests.verdicts.make import alert

each_alert = pytest.mark.parametrize("item", ALERTS.values(), ids=ALERTS)


@pytest.fixture(scope="module")
def eve_schema(shared):
    return jsonschema.Draft202012Validator(json.loads((shared / "golden/schemas/eve.schema.json").read_text()))


@each_alert
def test_eve_is_valid_by_suricata_s_schema(item, eve_schema):
    record = json.loads(said(item, "eve"))
    eve_schema.validate(record)
    assert record["event_type"] == "alert"
    assert record["alert"]["metadata"]["oddflow_id"] == [item.id]


def test_eve_names_the_flow_as_suricata_did_where_it_came_from_its_log():
    assert json.loads(said(alert(record_id="1909028605511070"), "eve"))["flow_id"] == 1909028605511070
    assert json.loads(said(alert(record_id="CHhAvVGS1DHFjwGM9"), "eve"))["flow_id"] == int("0123456789ab", 16)


@each_alert
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_one_line_and_the_same_each_time(item, name):
    text = said(item, name)
    assert text == said(item, name)
    assert not re.search(r"[\x00-\x1f\x7f]", text)
    assert item.id in text or name == "idmef"
    assert FORMATS[name].message(item).body.decode("utf-8")


@each_alert
def test_ecs_has_the_fields_of_version_8_and_none_empty(item):
    record = json.loads(said(item, "ecs"))
    assert record["ecs"]["version"].startswith("8.")
    assert (record["event"]["kind"], record["event"]["id"]) == ("alert", item.id)
    assert set(record["event"]["category"]) <= {"network", "intrusion_detection"}
    for end, address in (("source", "src_ip"), ("destination", "dst_ip")):
        if hasattr(item, address):
            assert record[end]["address"] == getattr(item, address)
            assert ("ip" in record[end]) == is_address(getattr(item, address))

    def leaves(value):
        return [leaf for inner in value.values() for leaf in leaves(inner)] if isinstance(value, dict) else [value]

    assert not [leaf for leaf in leaves(record) if leaf in ("", None, [], {})]


def test_ecs_says_all_that_is_known():
    record = json.loads(said(RICH, "ecs"))
    assert record["destination"]["domain"] == "evil.example"
    assert record["destination"]["geo"] == {"country_iso_code": "NZ"}
    assert record["network"] == {
        "transport": "tcp", "iana_number": "6", "type": "ipv4", "community_id": RICH.community_id, "packets": 3,
        "bytes": 180,
    }  # fmt: skip
    assert record["related"]["hosts"] == ["laptop.office.example", "evil.example"]


def read_cef(text):
    """A receiver's view of CEF, written from its specification."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)
    keys = list(re.finditer(r"(?:^|(?<= ))([A-Za-z0-9]+)=", parts[7]))
    ends = [key.start() - 1 for key in keys[1:]] + [len(parts[7])]
    values = {key[1]: parts[7][key.end() : end] for key, end in zip(keys, ends, strict=True)}
    return parts[:7], {key: re.sub(r"\\([\\=])", r"\1", value) for key, value in values.items()}


@each_alert
def test_cef_is_read_back(item):
    header, fields = read_cef(said(item, "cef"))
    assert header[:3] == ["CEF:0", "Oddflow", "Oddflow"]
    assert 0 <= int(header[6]) <= 10
    assert fields["externalId"] == item.id
    began_ns = item.start_ns if hasattr(item, "start_ns") else item.first_ns
    assert fields["start"] == str(began_ns // 1_000_000)
    for label in [key for key in fields if key.endswith("Label")]:
        assert label.removesuffix("Label") in fields


def test_cef_keeps_ipv6_apart():
    _, fields = read_cef(said(SIX, "cef"))
    assert (fields["c6a2"], fields["c6a3"]) == ("fd00::1", "fd00::2")
    assert not {"src", "dst"} & fields.keys()


def test_cef_escapes_what_its_headers_and_values_may_not_hold():
    assert cef.escaped_header("a|b\\c=d\ne") == "a\\|b\\\\c=d e"
    assert cef.escaped_value("a|b\\c=d\r\ne") == "a|b\\\\c\\=d  e"
    _, fields = read_cef(said(NASTY, "cef"))
    assert fields["shost"].startswith('a|b=c\\d"e]f,')


@each_alert
def test_csv_has_every_column_and_no_formula(item):
    cells = next(csv.reader(io.StringIO(said(item, "csv"))))
    assert len(cells) == len(comma.COLUMNS)
    assert dict(zip(comma.COLUMNS, cells, strict=True))["id"] == item.id
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r")]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_csv_disarms_formulas(cell):
    assert comma.safe_cell(cell).startswith("'")


@each_alert
def test_idmef_has_what_version_2_requires(item):
    record = json.loads(said(item, "idmef"))
    assert record["Version"] == "2.D.V04"
    assert uuid.UUID(record["ID"])
    assert datetime.fromisoformat(record["CreateTime"]).tzinfo
    assert record["Priority"] in {"Unknown", "Info", "Low", "Medium", "High"}
    assert is_address(record["Analyzer"]["IP"])
    for end in (*record.get("Source", ()), *record.get("Target", ())):
        assert is_address(end["IP"])
        assert all(0 < port < 65_536 for port in end.get("Port", ()))


REQUIRED = {
    "identity": {"name"},
    "observed-data": {"first_observed", "last_observed", "number_observed", "object_refs"},
    "note": {"content", "object_refs"},
    "indicator": {"pattern", "pattern_type", "valid_from"},
    "sighting": {"sighting_of_ref"},
    "attack-pattern": {"name"},
    "incident": {"name"},
    "network-traffic": {"protocols"},
    "ipv4-addr": {"value"},
    "ipv6-addr": {"value"},
    "domain-name": {"value"},
}
"""What STIX 2.1 requires of each kind, beside type and id."""
OBSERVABLE = {"network-traffic", "ipv4-addr", "ipv6-addr", "domain-name"}


@each_alert
def test_stix_is_a_bundle_whose_references_lead_somewhere(item):
    bundle = json.loads(said(item, "stix"))
    objects = {made["id"]: made for made in bundle["objects"]}
    assert bundle["type"] == "bundle"
    assert "spec_version" not in bundle
    assert len(objects) == len(bundle["objects"])
    for made in objects.values():
        kind, _, number = made["id"].partition("--")
        assert kind == made["type"]
        assert uuid.UUID(number).version == 5
        assert made["spec_version"] == "2.1"
        assert REQUIRED[kind] <= made.keys()
        if kind not in OBSERVABLE:
            assert made["created"] <= made["modified"]
        for name, value in made.items():
            refs = value if name.endswith("_refs") else [value] if name.endswith("_ref") else []
            assert all(ref in objects for ref in refs)
            assert refs or not name.endswith("_refs")


def test_stix_traffic_that_has_ended_says_so():
    ended, instant = (
        next(each for each in json.loads(said(item, "stix"))["objects"] if each["type"] == "network-traffic")
        for item in (RICH, alert(end_ns=RICH.start_ns + 1))
    )
    assert ended["is_active"] is False
    assert ended["end"] > ended["start"]
    assert not {"end", "is_active"} & instant.keys()


def test_stix_ids_of_addresses_are_those_of_the_standard():
    made = json.loads(said(alert(src_ip="198.51.100.3"), "stix"))["objects"]
    address = next(each for each in made if each.get("value") == "198.51.100.3")
    expected = uuid.uuid5(uuid.UUID("00abedb4-aa42-466c-9fed-23fe77a8a1ee"), '{"value":"198.51.100.3"}')
    assert address["id"] == f"ipv4-addr--{expected}"


def test_stix_sights_what_a_list_names():
    made = {each["type"]: each for each in json.loads(said(RICH, "stix"))["objects"]}
    assert made["indicator"]["pattern"] == "[ipv4-addr:value = '10.0.0.2']"
    assert made["sighting"]["sighting_of_ref"] == made["indicator"]["id"]
    assert made["sighting"]["observed_data_refs"] == [made["observed-data"]["id"]]


def test_stix_patterns_hold_hostile_names():
    assert stix._pattern("a'b\\.example") == r"[domain-name:value = 'a\'b\\.example']"


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, Severity.LOW),
        ({"category": "dos", "category_probability": 0.5}, Severity.MEDIUM),
        ({"category": "dos", "category_probability": 0.9}, Severity.HIGH),
        ({"intelligence": ("10.0.0.2 is in the list x",)}, Severity.HIGH),
    ],
)
def test_severity_is_by_lists_and_by_how_sure_the_kind_is(changes, severity):
    assert notice_of(alert(**changes)).severity is severity


def test_an_incident_names_its_techniques_hosts_and_alerts():
    record = json.loads(said(ALERTS["incident"], "eve"))
    assert record["alert"]["severity"] == 1
    assert record["alert"]["metadata"]["mitre_technique_id"] == ["T1046", "T1021.004"]
    assert record["alert"]["metadata"]["alerts"] == ["0123456789ab", "ffff"]
    ecs = json.loads(said(ALERTS["incident"], "ecs"))
    assert ecs["threat"]["technique"]["id"] == ["T1046", "T1021.004"]
    assert ecs["related"]["ip"] == ["10.0.0.66", "10.0.0.10", "2001:db8::1"]
    sighted = [each for each in json.loads(said(ALERTS["incident"], "stix"))["objects"] if each["type"] == "sighting"]
    assert len(sighted) == 2


def test_an_incident_that_grew_is_told_again_and_an_alert_is_not():
    grown = Incident(last_ns=1_700_000_090_000_000_000, points=95)
    first, second = (FORMATS["json"].message(item) for item in (ALERTS["incident"], grown))
    assert first.id == second.id
    assert first.key != second.key
    assert FORMATS["json"].message(RICH).key == FORMATS["json"].message(RICH).key


def test_what_is_neither_alert_nor_incident_is_no_notice():
    with pytest.raises(TypeError, match="str"):
        notice_of(HOSTILE)
