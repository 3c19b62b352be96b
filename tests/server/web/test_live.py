"""The live stream: of a real server, as a browser reads it."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
import uvicorn

from oddflow.server.access.identity import Role
from oddflow.server.web import feed as feeds
from oddflow.server.web import live as lives
from oddflow.server.web.app import make_app
from oddflow.server.web.feed import Feed, Place

from ..conftest import token_of

LIVE = "/api/v1/live"


@pytest.fixture(scope="module")
def server(service):
    """The service's application at a port of its own; its address."""
    app = make_app(service)
    app.state.live._check_s = 0.2
    config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1, lifespan="on")
    one = uvicorn.Server(config)
    thread = threading.Thread(target=one.run)
    thread.start()
    while not one.started:
        thread.join(0.02)
    host, port = one.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}", app
    one.should_exit = True
    thread.join()


@contextmanager
def listening(server, token, **headers):
    headers |= {"Authorization": f"Bearer {token}", "Host": "127.0.0.1:8470"}
    with httpx.stream("GET", server[0] + LIVE, headers=headers, params={"for_s": 20}, timeout=20) as answer:
        yield answer


def events(answer):
    """Each event as its id, kind and data."""
    told = {}
    for line in answer.iter_lines():
        if not line and "event" in told:
            yield told.get("id"), told["event"], json.loads(told["data"])
            told = {}
        elif ": " in line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            told[name] = value


def first(answer, kind):
    return next(event for event in events(answer) if event[1] == kind)


def another(service, filled_state, name):
    """One more alert, as if its flow had just ended."""
    alert = replace(filled_state[1].alerts[0], id=name)
    service.store.alerts.put("example", "office", [alert], [])
    return alert


@pytest.fixture(scope="module")
def token(service):
    return token_of(service.store, Role.VIEWER)


def test_an_alert_is_told_as_it_is_stored(server, service, filled_state, token):
    with listening(server, token) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer)
        assert next(told)[1] in {"status", "notice"}
        another(service, filled_state, "aa01")
        assert next(data for _, kind, data in told if kind == "alert")["id"] == "aa01"


def test_whoever_comes_back_is_told_what_they_missed(server, service, filled_state, token):
    with listening(server, token) as answer:
        place = first(answer, "status")[0]
    another(service, filled_state, "aa02")
    with listening(server, token, **{"Last-Event-ID": place}) as answer:
        assert first(answer, "alert")[2]["id"] == "aa02"


@pytest.mark.parametrize("place", ["0-0", "99999999-0", "nonsense"])
def test_whoever_missed_too_much_is_told_to_read_anew(server, token, place):
    with listening(server, token, **{"Last-Event-ID": place}) as answer:
        assert next(events(answer))[1] == "reset"


def test_the_stream_ends_with_the_token(server, service):
    token = token_of(service.store, Role.VIEWER)
    with listening(server, token) as answer:
        told = events(answer)
        next(told)
        mine = service.store.tokens.of()[0]
        service.store.tokens.revoke(mine.id, now_s=1.0)
        assert [kind for _, kind, _ in told][-1] == "goodbye"


def test_too_many_streams_are_refused_and_those_that_ended_count_no_more(server, token, monkeypatch):
    monkeypatch.setattr(lives, "MOST_OF_ONE", 1)
    with listening(server, token) as answer:
        told = events(answer)  # while it is kept, the stream is open
        next(told)
        with listening(server, token) as refused:
            assert refused.status_code == 429
    stream = server[1].state.live
    for _ in range(200):
        if not stream._listeners:
            break
        threading.Event().wait(0.02)
    assert not stream._listeners
    assert not stream._feed._wakers


def test_nobody_else_listens(server):
    assert httpx.get(server[0] + LIVE, headers={"Host": "127.0.0.1:8470"}).status_code == 401


def test_a_slow_reader_costs_no_memory_and_is_told_so(store, monkeypatch):
    monkeypatch.setattr(feeds, "MOST_KEPT", 4)
    feed = Feed(store, lambda: "{}", poll_s=0.01)
    feed.begin(lambda: None)
    thread = feed._thread
    feed._halt()
    thread.join()  # it may be telling how all is
    number = feed._numbers
    feed._tell([feeds.News(0, "status", Place(0, 0), "{}")] * 3)
    assert len(feed.since(number)) == 3
    feed._tell([feeds.News(0, "status", Place(0, 0), "{}")] * 3)
    assert feed.since(number) is None
    assert len(feed._ring) == 4
