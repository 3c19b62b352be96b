"""`oddflow tune` from captures to a sealed model, a page and a protocol."""

import tomllib

import pytest

from oddflow.models.sealed import SealedModel

from .call import call
from .captures import capture

pytest.importorskip("optuna")


@pytest.fixture(scope="module", name="baseline")
def baseline_of(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune") / "baseline.pcap"
    path.write_bytes(capture())
    return path


def test_a_capture_gives_options_a_model_a_page_and_a_protocol(baseline, tmp_path):
    model, page, protocol = (tmp_path / name for name in ("best.oddflow", "tune.html", "best.toml"))
    done = call(
        "tune", baseline, "--detector", "robust-pca:core=1.0", "--vary", "variance=0.6..0.95", "--trials", 3,
        "--folds", 2, "-o", model, "--report", page, "--protocol", protocol, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert found["commands"][0].startswith("oddflow learn ")
    assert "--option core=1" in found["commands"][0]
    assert len(found["trials"]) == 3
    sealed = SealedModel.load(model)
    assert sealed.manifest.options["variance"] == pytest.approx(float(found["words"]["variance"]))
    assert tomllib.loads(protocol.read_text())["options"] == found["words"]
    html = page.read_text()
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert html.count("<svg") >= 4
    assert found["commands"][0] in html.replace("&#39;", "'")
    told = call("detect", baseline, "-m", model)
    assert told.code == 0, told.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--timeout", "soon"], "--timeout must be a time"),
        (["--features", "all"], "--features must be genetic"),
        (["--sampler", "dice"], "--sampler must be one of"),
        (["--vary", "wings=1..2"], "has no option 'wings'"),
        (["--dataset", "nsl-kdd"], "expected either SOURCE"),
        (["--split", "time"], "--split goes with --dataset"),
        (["--detector", "random-forest"], "give --truth"),
        (["--detector", "kitnet"], "kitnet scores packets"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(baseline, more, said):
    done = call("tune", baseline, "--detector", "robust-pca", *more)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
