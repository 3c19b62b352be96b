"""What holds of every page, at each width and in each colour."""

from itertools import pairwise

import pytest
from selenium.webdriver import ActionChains, Keys

from oddflow.server.store.incidents import IncidentFilter

PAGES = (
    "/",
    "/incidents",
    "INCIDENT",
    "INCIDENT/judge",
    "ALERT?explain=true",
    "/incidents?text=nothing+has+this",
    "/password",
    "/hosts",
    "/hosts?text=10.20.0.&order=bytes&span=7d",
    "HOST",
    "/flows?q=alert+order+by+score&c=time&c=from&c=to&c=score",
    "/models",
    "/models/office",
    "/models/office/1",
    "/sources",
    "/sources/office",
    "/upload",
    "/settings",
    "/settings/feedback",
    "/settings/service",
    "/settings/people",
    "/settings/trail?check=true",
)
LOOKS = ((1280, False), (390, True))

OVERFLOW = "return document.documentElement.scrollWidth - innerWidth"
UNLABELLED = """
return [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], img, svg[role=img]')]
  .filter(e => e.offsetParent !== null || e.ownerSVGElement || e.tagName === 'svg')
  .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim() || e.alt || e.title))
  .map(e => e.outerHTML.slice(0, 120))
"""
HEADINGS = "return [...document.querySelectorAll('h1, h2, h3, h4')].filter(e => e.offsetParent).map(e => +e.tagName[1])"
FAINT = """
const parse = (c) => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (e) => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.9) return c; }
  return [255, 255, 255]; };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [];
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  const isIt = walker.currentNode.data.trim() && e.offsetParent;
  if (!isIt || e.closest('svg, pre, option, script, [hidden], :disabled')) continue;
  const style = getComputedStyle(e), [a, b] = [light(parse(style.color)), light(ground(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
    faint.push(walker.currentNode.data.trim().slice(0, 40) + ' ' + style.color);
}
return faint
"""


@pytest.fixture(scope="module")
def places(site):
    """Pages of the gravest incident and its oddest alert."""
    incident = site.store.incidents.page(IncidentFilter(order="gravest")).items[0].incident
    top = incident.top[0]
    return {"INCIDENT": f"/incidents/{incident.id}", "ALERT": f"/alerts/{top.id}", "HOST": f"/hosts/{top.src_ip}"}


@pytest.mark.parametrize(("width", "dark"), LOOKS, ids=["wide-light", "narrow-dark"])
@pytest.mark.parametrize("path", PAGES)
def test_it_fits_is_labelled_in_order_and_legible(person, places, path, width, dark):
    for name, place in places.items():
        path = path.replace(name, place)
    person.look(width, dark=dark)
    person.open(path)
    assert person.complaints() == []
    assert person.driver.execute_script(OVERFLOW) <= 0
    assert person.driver.execute_script(UNLABELLED) == []
    levels = person.driver.execute_script(HEADINGS)
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert person.driver.execute_script(FAINT) == []


def test_the_first_step_of_the_keyboard_skips_the_navigation(person):
    person.open("/incidents")
    press(person, "Tab")
    focused = person.driver.switch_to.active_element
    assert focused.text == "Skip to the content"
    assert focused.rect["x"] >= 0
    outline = person.driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_keys_lead_to_places_and_through_lists(person):
    person.open("/")
    press(person, "g", "i")
    person.until("return location.pathname === '/incidents' && document.readyState === 'complete'")
    person.until("return document.querySelector('#help')?.hidden === false")
    press(person, "j", "j")
    second = person.all(".incident-lines .story")[1]
    assert person.driver.switch_to.active_element == second
    press(person, "k", "/")
    assert person.driver.switch_to.active_element.get_attribute("id") == "text"
    press(person, "Tab")
    press(person, "?")
    assert person.one("#keys").get_attribute("open") is not None
    press(person, "Escape")
    press(person, "j", "Enter")
    person.until("return location.pathname.startsWith('/incidents/')")


def test_the_navigation_folds_where_it_is_narrow(person):
    person.look(390)
    person.open("/")
    assert not person.one("#places").is_displayed()
    person.one("#menu").click()
    assert person.one("#places").is_displayed()
    press(person, "Escape")
    assert not person.one("#places").is_displayed()


def test_the_colours_that_a_person_chooses_stay(person):
    person.open("/")
    person.one("#theme").click()
    person.open("/incidents")
    assert person.driver.execute_script("return document.documentElement.dataset.theme") == "dark"
    for _ in range(2):
        person.one("#theme").click()
    assert person.driver.execute_script("return document.documentElement.dataset.theme ?? 'auto'") == "auto"


def test_a_chart_tells_its_values_by_the_keyboard(person):
    person.open("/")
    chart = person.one(".rate svg")
    person.driver.execute_script("arguments[0].focus()", chart)
    press(person, "ArrowRight")
    assert "UTC" in person.one("#tip").text


def press(person, *keys):
    """Presses keys one after the other."""
    named = {"Tab": Keys.TAB, "Escape": Keys.ESCAPE, "Enter": Keys.ENTER, "ArrowRight": Keys.ARROW_RIGHT}
    for key in keys:
        ActionChains(person.driver).send_keys(named.get(key, key)).perform()
