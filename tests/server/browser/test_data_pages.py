"""What people do on the pages of models, flows, uploads and settings."""

import httpx
import pytest

from oddflow import api
from oddflow.models.format import pack, unpack
from oddflow.models.sealed import SealedModel
from oddflow.models.stamp import Stamp
from oddflow.server.filling import INCIDENT, NAME


@pytest.fixture(scope="module")
def newer(site, tmp_path_factory):
    """A second version of the office's model, which was seen beside the first."""
    registry, place = site.service.registry, tmp_path_factory.mktemp("newer") / "newer.oddflow"
    first = registry.find(NAME)
    # the same model with another note is another file
    content = registry.check(first).read_bytes()
    place.write_bytes(noted(content))
    model = SealedModel.load(place)
    told = {"fingerprint": model.fingerprint, "detector": model.manifest.detector, "signer": ""}
    version = registry.add(place.read_bytes(), told, name=NAME, file="newer.oddflow", reason="newer flows")
    found = {"recommendation": "promote the candidate", "keep": False, "flows": 5_000, "alerts": [4, 5], "both": 4}
    registry.shadowed(NAME, version.number, first, found)
    return version.number


def test_a_model_is_promoted_and_rolled_back(person, site, newer):
    person.open(f"/models/{NAME}")
    assert "agreed on 4 alerts" in person.text
    person.one(f"#promote-{newer} summary").click()
    person.one(f"#why-{newer}").send_keys("it knows the new printers")
    person.one(f"#promote-{newer} button").click()
    person.until(f"return document.querySelector('h1').textContent.includes('version {newer}')")
    assert "it knows the new printers" in person.text
    assert site.service.registry.find(NAME).number == newer
    assert site.store.audit.page(action="model.promote").items[0].object == f"{NAME}@{newer}"
    person.one("section[aria-labelledby=rollback-title] summary").click()
    person.one("section[aria-labelledby=rollback-title] button").click()
    person.until("return document.querySelector('h1').textContent.includes('version 1')")
    assert site.service.registry.find(NAME).number == 1
    assert person.complaints() == []


def test_flows_are_searched_narrowed_and_sorted(person):
    person.open("/flows")
    field = person.one("#q")
    field.send_keys("protocol = tcp and port = 80 order by score")
    person.one(".ask button").click()
    person.until(
        "return location.search.includes('q=') && document.querySelectorAll('table.flows tbody tr').length > 20"
    )
    scores = [float(cell.text) for cell in person.all("table.flows tbody td:last-child")]
    assert scores == sorted(scores, reverse=True)
    person.one("table.flows th[aria-sort] a").click()
    person.until("return document.querySelector('th[aria-sort=ascending]')")
    person.open("/flows?q=score+%3E+lots")
    assert person.one("#pointed").text.splitlines()[1].startswith("        ^ expected a number")
    assert person.one("#query-help").get_attribute("open") is not None


def test_a_capture_is_sent_and_its_verdict_read(person, site):
    person.open("/upload")
    person.one("#capture").send_keys(str(api.examples() / INCIDENT))
    person.until("return document.querySelector('#drop.chosen')")
    person.one("#send button[type=submit]").click()
    person.until("return /^\\/upload\\/[0-9a-f]{16}$/.test(location.pathname)")
    verdict = person.until("return document.getElementById('verdict')?.textContent", within_s=60)
    assert "alerts among" in verdict
    assert "probed" in person.text
    upload_id = person.driver.current_url.rpartition("/")[2]
    person.open(f"/api/v1/uploads/{upload_id}/report")
    assert "Oddflow" in person.driver.title
    person.open("/upload")
    assert "alerts among" in person.text
    assert site.store.uploads.get(upload_id).state == "done"


def test_a_token_is_made_used_and_revoked(person, site):
    person.open("/settings")
    person.one("#new-token summary").click()
    person.one("#token-name").send_keys("a browser's test")
    person.one("#new-token button").click()
    secret = person.one("#secret").text
    assert _status(site, secret) == 200
    person.open("/settings")
    assert secret not in person.driver.page_source
    row = next(row for row in person.all("#tokens tbody tr") if "a browser's test" in row.text)
    row.find_element("tag name", "button").click()
    person.driver.switch_to.alert.accept()
    person.until("return location.search.includes('said=revoked')")
    assert _status(site, secret) == 401


def _status(site, secret):
    return httpx.get(f"{site.url}/api/v1/incidents", headers={"Authorization": f"Bearer {secret}"}).status_code


def noted(content):
    """The same sealed model, its note another."""
    return pack(Stamp("", "made for a test", None).on(unpack(content)))
