"""A real browser on the real application: Debian's Chromium, driven by Selenium, nothing downloaded."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from oddflow.models.registry.registry import Registry
from oddflow.server.access.identity import Role
from oddflow.server.access.passwords import Passwords
from oddflow.server.filling import Filled, example_settings, status_of
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.store.store import Store
from oddflow.server.web.app import make_app
from oddflow.server.web.service import Service

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
NAME, PASSWORD = "ada", "four unrelated words and more"
PATIENCE_S = 15
READY = "return document.readyState === 'complete' && !document.querySelector('[aria-busy]')"
LIVE = "return document.getElementById('link-state').dataset.state === 'live'"


class Site:
    """The application on a port of its own, in a thread; `status` is what it tells of itself."""

    def __init__(self, state: Path, filled: Filled) -> None:
        asked = example_settings(state)
        self.server = uvicorn.Server(uvicorn.Config(app="", host="127.0.0.1", port=0, log_level="error", lifespan="on"))
        self._socket = self.server.config.bind_socket()
        port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        web = asked.web.model_copy(update={"listen": f"127.0.0.1:{port}"})
        self.settings = asked.model_copy(update={"web": web})
        self.store, self.flows = Store.open(self.settings.store_url), FlowStore(self.settings.flows_folder)
        self.status = status_of(self.settings, filled)
        registry = Registry(self.settings.registry_folder)
        self.service = Service(self.settings, self.store, self.flows, registry, lambda: self.status)
        quick = Passwords(time_cost=1, memory_cost=8, parallelism=1)
        self.store.accounts.add(NAME, Role.ADMIN, password_hash=quick.hashed(PASSWORD), now_s=time.time())
        self.server.config.app = make_app(self.service)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> None:
        """Answers from now on."""
        self._thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends; live streams are cut."""
        self.server.should_exit = self.server.force_exit = True
        self._thread.join(10)
        self.flows.close()
        self.store.close()


@dataclass
class Person:
    """Whoever sits before the browser."""

    driver: WebDriver
    site: Site

    def open(self, path: str) -> None:
        """Goes to a page, and waits until it and what it fetches at first are there."""
        self.driver.get(self.site.url + path)
        self.until(READY)

    def log_in(self) -> None:
        """By the form."""
        self.open("/login")
        self.one("#name").send_keys(NAME)
        self.one("#password").send_keys(PASSWORD)
        self.one(".door button").click()
        self.until("return location.pathname === '/'")

    def until(self, script: str, *arguments: object, within_s: float = PATIENCE_S) -> object:
        """Waits until a script says something true; what it says."""
        return WebDriverWait(self.driver, within_s, 0.05).until(lambda d: d.execute_script(script, *arguments), script)

    def one(self, selector: str):
        """The element that a selector finds."""
        return WebDriverWait(self.driver, PATIENCE_S, 0.05).until(
            lambda d: d.find_element(By.CSS_SELECTOR, selector), selector
        )

    def all(self, selector: str) -> list:
        """All that it finds now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.driver.find_element(By.TAG_NAME, "main").text

    def look(self, width: int, *, dark: bool = False) -> None:
        """Sizes the window and chooses the system's colours."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})

    def complaints(self) -> list[str]:
        """What the browser complained of since the last time: errors of scripts, breaches of the policy."""
        return [json.dumps(entry["message"]) for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def driver() -> Iterator[WebDriver]:
    """Chromium without a window."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"{CHROMIUM} and {DRIVER} are needed: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Driver(str(DRIVER)))
    yield made
    made.quit()


@pytest.fixture(scope="session")
def site(filled_state: tuple[Path, Filled], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The attacked office."""
    yield from _served(filled_state, tmp_path_factory, with_alerts=True)


@pytest.fixture(scope="session")
def quiet_site(filled_state: tuple[Path, Filled], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same office before anything happened: its store is empty."""
    yield from _served(filled_state, tmp_path_factory, with_alerts=False)


def _served(
    filled_state: tuple[Path, Filled], tmp_path_factory: pytest.TempPathFactory, *, with_alerts: bool
) -> Iterator[Site]:
    state = tmp_path_factory.mktemp("site") / "state"
    kept = None if with_alerts else shutil.ignore_patterns("store.db*")
    shutil.copytree(filled_state[0], state, ignore=kept)
    served = Site(state, filled_state[1])
    served.start()
    yield served
    served.stop()


@pytest.fixture
def person(driver: WebDriver, site: Site) -> Person:
    """Logged in at the attacked office."""
    return _logged_in(driver, site)


@pytest.fixture
def watcher(driver: WebDriver, quiet_site: Site) -> Person:
    """Logged in at the quiet one."""
    return _logged_in(driver, quiet_site)


def _logged_in(driver: WebDriver, site: Site) -> Person:
    person = Person(driver, site)
    person.look(1280)
    if not (driver.current_url.startswith(site.url) and person.all("#places")):
        person.log_in()
    person.complaints()
    return person
