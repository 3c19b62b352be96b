import pytest
from fastapi import FastAPI, Request

from oddflow.server.status import OutputStatus, SourceStatus, State, Status, WorkerStatus
from oddflow.server.web.rendering import page, troubles
from oddflow.server.web.static_files import contents, static, version
from tests.server.conftest import TestClient

HOSTILE = "<script>alert(1)</script>\u202efdp.exe\x00"


def shown(template: str, **given: object) -> str:
    app = FastAPI()

    @app.get("/")
    def root(request: Request):
        return page(request, template, None, **given)

    return TestClient(app).get("/").text


def test_words_of_others_are_escaped_and_made_visible():
    told = shown("problem.html", problem_title="x", problem_detail=HOSTILE)
    assert "<script>alert" not in told
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202efdp.exe\\u0000" in told


@pytest.mark.parametrize("template", ["login.html", "first.html", "password.html"])
def test_pages_at_the_door_need_nothing_but_their_name(template):
    told = shown(template, link="/first/secret")
    assert told.count("<h1>") == 1
    assert 'style="' not in told


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status(), ()),
        (Status(problems=["the disk is full", "the disk is full"]), ("the disk is full",)),
        (Status(sources=[SourceStatus(name="a", state=State.DOWN)]), ("Source a is down",)),
        (Status(sources=[SourceStatus(name="a", state=State.DOWN, problems=["gone"])]), ("Source a: gone",)),
        (Status(workers=[WorkerStatus(name="web", kind="web", state=State.DOWN)]), ("Worker web is down",)),
        (Status(outputs=[OutputStatus(to="syslog", problem="refused")]), ("Output syslog: refused",)),
        (Status(store="no answer"), ("Store: no answer",)),
    ],
)
def test_what_is_wrong_is_told_once_each(status, said):
    assert troubles(status) == said


def test_static_files_are_kept_for_good_under_their_own_address_alone(analyst):
    for name in contents():
        answer = analyst.client.get(static(name))
        assert answer.content == contents()[name]
        assert "immutable" in answer.headers["cache-control"]
    old = analyst.client.get(f"/static/{'0' * len(version())}/style.css")
    assert old.headers["cache-control"] == "no-cache"
    assert analyst.client.get(f"/static/{version()}/nothing.css").status_code == 404


def test_a_template_that_names_no_file_is_told():
    with pytest.raises(KeyError, match=r"nothing\.js"):
        static("nothing.js")


def test_no_script_and_no_style_stands_in_a_page(analyst, guessing):
    for path in ("/", "/incidents", f"/incidents/{guessing.incident.id}", f"/alerts/{guessing.incident.top[0].id}"):
        told = analyst.page(path)
        assert "<style" not in told
        assert 'style="' not in told
        assert "onclick" not in told
        assert all(" src=" in script.split(">")[0] for script in told.split("<script")[1:])


def test_a_person_reads_a_problem_as_a_page_and_a_program_as_json(analyst):
    assert "Nothing is here" in analyst.page("/incidents/ffff", 404)
    assert analyst.client.get("/api/v1/incidents/ffff").json()["status"] == 404
