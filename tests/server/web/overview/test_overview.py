import pytest

from oddflow.errors import StoreDown
from oddflow.server.status import LATENCY_BOUNDS_S, SourceStatus, State, Status
from oddflow.server.web.overview.budget_use import budget_uses
from oddflow.server.web.overview.health import Latency
from oddflow.server.web.overview.rates import MINUTES, Hour
from oddflow.server.web.overview.standing import Mood, Standing

NOW_S = 1_800_000_030.0
WATCHED = SourceStatus(name="office", state=State.RUNNING, model="office@1")


@pytest.mark.parametrize(
    ("sources", "troubles", "active", "mood", "words"),
    [
        ([], 0, {}, Mood.UNSET, "Nothing is watched yet."),
        ([WATCHED], 0, {}, Mood.GOOD, "All is quiet."),
        ([WATCHED], 1, {}, Mood.WATCH, "Something is wrong with the service itself."),
        ([WATCHED], 0, {"low": 1}, Mood.WATCH, "1 incident waits for you; it is low."),
        ([WATCHED], 2, {"low": 1, "critical": 2}, Mood.ALARM, "3 incidents wait for you; the gravest is critical."),
        ([SourceStatus(name="a", state=State.RUNNING)], 0, {}, Mood.UNSET, "Flows are kept, and nothing judges them"),
        ([SourceStatus(name="a", model="m")], 0, {}, Mood.UNSET, "The service is starting."),
    ],
)
def test_the_first_sentence_says_how_things_stand(sources, troubles, active, mood, words):
    told = Standing.of(Status(sources=sources), troubles, active, 7)
    assert told.mood is mood
    assert told.words.startswith(words)


def test_a_wire_that_carries_nothing_is_not_called_quiet():
    told = Standing.of(Status(sources=[WATCHED]), 0, {}, 0)
    assert (told.mood, told.words) == (Mood.UNSET, "No flow came yet.")
    before = WATCHED.model_copy(update={"judged": 9})
    assert Standing.of(Status(sources=[before]), 0, {}, 0).mood is Mood.GOOD


def test_the_last_hour_is_of_whole_minutes_and_by_source(store):
    for minute in range(3):
        at_s = NOW_S - 60 * (minute + 1)
        store.measures.add("s", "quiet", at_s, {"packets": 60, "flows": 6, "judged": 6})
        store.measures.add("s", "busy", at_s, {"packets": 600, "flows": 60, "judged": 60, "lost": 2, "shed": 1})
    store.measures.add("s", "busy", NOW_S, {"packets": 1e9, "judged": 1e9})
    store.measures.add("s", "busy", NOW_S - 60 * (MINUTES + 1), {"packets": 1e9, "judged": 1e9})
    hour = Hour.of(store, NOW_S)
    assert (hour.judged, hour.packets, hour.lost, hour.shed) == (198, 1_980, 6, 3)
    packets, traffic, flows, _ = hour.rates
    assert (packets.now, flows.now, traffic.now) == ("11/s", "1.1/s", "–")
    assert packets.sources == ["busy", "quiet"]
    assert "busy: 10/s" in packets.chart
    assert traffic.chart == ""


def test_the_budget_is_told_beside_what_was_shown(service, guessing):
    (use,) = budget_uses(service.settings, service.status().sources, service.store, guessing.stored_ns / 1e9 + 1)
    assert use.allowed == 10
    assert use.allowed_words == "10 may be false"
    assert use.alerts == service.store.alerts.count()
    assert use.benign == 0
    assert "alerts an hour" in use.course


def test_a_source_that_nothing_judges_has_no_budget(service):
    assert budget_uses(service.settings, [SourceStatus(name="bare")], service.store, NOW_S) == []


@pytest.mark.parametrize(
    ("counts", "half", "most"),
    [
        ([], "–", "–"),
        ([99, 1], "at most 50 ms", "at most 50 ms"),
        ([50, 0, 40, 10], "at most 50 ms", "at most 500 ms"),
        ([0] * len(LATENCY_BOUNDS_S) + [1], "over 1 min", "over 1 min"),
    ],
)
def test_latency_is_told_by_the_bounds_of_its_buckets(counts, half, most):
    told = Latency.of([SourceStatus(name="a", latency=counts)])
    assert (told.half, told.most) == (half, most)


def test_the_page_has_the_gravest_first_and_each_part_stands_alone(viewer):
    told = viewer.page("/")
    assert told.index("critical</span>") < told.index("medium</span>")
    for part in ("now", "rates", "budget", "health"):
        alone = viewer.page(f"/fragments/overview/{part}")
        assert "<html" not in alone
        assert alone.strip()[:40] in told


def test_where_nothing_is_set_up_the_first_steps_are_told(viewer, monkeypatch):
    monkeypatch.setattr(type(viewer.service), "status", property(lambda _: Status), raising=False)
    told = viewer.page("/")
    assert "First steps" in told
    assert "oddflow learn" in told


def test_a_store_that_is_down_is_said_and_the_rest_is_shown(viewer, monkeypatch):
    def down(*_, **__):
        raise StoreDown("the database cannot be reached")

    monkeypatch.setattr(viewer.service.store.incidents, "by_severity", down)
    told = viewer.page("/")
    assert "The store cannot be reached." in told
    assert "The service itself" in told
