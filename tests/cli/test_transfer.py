"""`learn --from`, `--unlabelled` and `--labelled-share`, as a person calls them."""

import pytest

from .call import call, refused
from .captures import SCANNED, SCANNER, capture

pytest.importorskip("torch")

QUICK = ("--option", "epochs=2")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "old.pcap").write_bytes(capture(seed=1))
    (folder / "new.pcap").write_bytes(capture(seed=2))
    (folder / "day.pcap").write_bytes(capture(scan=True, seed=3))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what,category"
    (folder / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan,probe\n")
    learnt = call("learn", folder / "old.pcap", "--detector", "autoencoder", "-o", folder / "old.oddflow", *QUICK)
    assert learnt.code == 0, learnt
    return folder


def test_a_model_of_one_network_is_tuned_to_another(place, tmp_path):
    words = ("learn", place / "new.pcap", "--detector", "autoencoder", "-o", tmp_path / "new.oddflow", *QUICK)
    learnt = call(*words, "--from", place / "old.oddflow", "--frozen", "all", "--lower-rate", "0.1", "--json")
    assert learnt.code == 0, learnt
    said = learnt.json["training"]["begun_from"]
    assert "all layers but the last still, others at 0.1 of the rate" in said
    assert said.partition(",")[0] in " ".join(call("inspect", tmp_path / "new.oddflow").out.split())
    assert call("detect", place / "old.pcap", "-m", tmp_path / "new.oddflow").code == 0
    checked = call(*words[:4], "--from", place / "old.oddflow", "--check")
    assert checked.message.startswith("check passed")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--frozen", "2"), ("--frozen and --lower-rate go with --from MODEL",)),
        (("--from", "OLD", "--frozen", "some"), ("--frozen must be a number of layers, or all; 'some' given",)),
        (("--from", "OLD", "--frozen", "99"), ("layers would stand still", "freeze fewer")),
        (("--from", "OLD", "--lower-rate", "2"), ("--lower-rate must be above 0 and at most 1",)),
        (("--from", "OLD", "--option", "hidden=5"), ("nothing of autoencoder", "the same detector and options")),
        (("--from", "OLD", "--portable"), ("looks at other columns",)),
        (("--unlabelled", "OLD.pcap"), ("autoencoder has no use for rows without labels",)),
        (("--labelled-share", "0.5"), ("goes with labelled flows", "--labels TRUTH.csv")),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(place, tmp_path, words, told):
    given = [{"OLD": place / "old.oddflow", "OLD.pcap": place / "old.pcap"}.get(word, word) for word in words]
    model = tmp_path / "m"
    refused(call("learn", place / "new.pcap", "--detector", "autoencoder", "-o", model, *QUICK, *given), *told)
    assert not model.exists()


def test_a_missing_origin_is_refused(place, tmp_path):
    found = call("learn", place / "new.pcap", "-o", tmp_path / "m", "--from", tmp_path / "none.oddflow")
    refused(found, "none.oddflow", code=found.code)
    assert found.code in {2, 3}


@pytest.mark.parametrize("use", ["masked", "consistency"])
def test_traffic_without_labels_helps_beside(place, tmp_path, use):
    words = ("learn", place / "day.pcap", "--labels", place / "truth.csv", "--detector", "feed-forward-network")
    beside = ("--unlabelled", place / "new.pcap", "--option", f"use={use}", "--option", "pretraining=2")
    learnt = call(*words, *beside, *QUICK, "-o", tmp_path / "m", "--json")
    assert learnt.code == 0, learnt
    rows = learnt.json["training"]["unlabelled_rows"]
    assert rows > 20
    assert [source["name"] for source in learnt.json["provenance"]["sources"]] == [
        f"{place / 'day.pcap'}, all",
        str(place / "new.pcap"),
    ]
    assert f"{rows:,} rows without labels" in call("inspect", tmp_path / "m").out


def test_labels_are_left_out_as_if_nobody_had_them(place, tmp_path):
    words = ("learn", place / "day.pcap", "--labels", place / "truth.csv", "--detector", "feed-forward-network")
    more = ("--labelled-share", "0.6", "--option", "use=pseudo-labels", *QUICK)
    learnt = call(*words, *more, "-o", tmp_path / "m", "--json")
    assert learnt.code == 0, learnt
    training = learnt.json["training"]
    assert 0.5 < training["unlabelled_rows"] / training["fit_rows"] < 0.8  # 4 of 6
    refused(call(*words, "--labelled-share", "0", "-o", tmp_path / "n"), "--labelled-share must be above 0")
