"""Options: wrong values, what goes with what, exit codes and their order."""

import pytest

from .call import call, refused
from .captures import SCANNED_PORTS, capture


@pytest.mark.parametrize("budget", ["", "0/day", "-1/day", "10", "10/fortnight", "many/day", "nan/day", "1e999/day"])
def test_a_wrong_budget(budget, office):
    refused(call("detect", office.incident, "-m", office.model, "--budget", budget), repr(budget), "like 10/day")


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "nan", "inf"])
def test_a_wrong_false_alarm_rate(rate, office):
    refused(
        call("detect", office.incident, "-m", office.model, "--false-alarm-rate", rate), "false-alarm rate", "0.001"
    )


def test_budget_and_rate_together(office):
    outcome = call("detect", office.incident, "--budget", "1/day", "--false-alarm-rate", "0.1")
    refused(outcome, "--budget", "--false-alarm-rate", "give one")


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan"])
@pytest.mark.parametrize("command", ["detect", "watch"])
def test_a_wrong_false_discovery_rate(command, share, office):
    outcome = call(command, office.incident, "-m", office.model, "--fdr", share)
    refused(outcome, "false discovery rate", "like 0.1")


@pytest.mark.parametrize("command", ["detect", "watch"])
def test_a_budget_and_a_false_discovery_rate_together(command, office):
    outcome = call(command, office.incident, "-m", office.model, "--fdr", "0.1", "--budget", "1/day")
    refused(outcome, "--budget and --fdr were both given")


def test_a_false_discovery_rate_needs_a_model(office):
    refused(call("detect", office.incident, "--fdr", "0.1"), "nothing is known to be normal", "--fdr")


def test_a_false_discovery_rate_stands_in_the_place_of_the_budget(office):
    outcome = call("detect", office.incident, "-m", office.model, "--fdr", "0.2", "--json").json
    assert outcome["threshold"]["budget"] == "0.2 of the flows shown may be normal"
    assert outcome["threshold"]["expected_between"] is None


def test_alerts_have_p_values_and_the_result_an_interval(office):
    outcome = call("detect", office.incident, "-m", office.model, "--false-alarm-rate", "0.05", "--json").json
    low, high = outcome["threshold"]["expected_between"]
    assert 0 <= low <= outcome["threshold"]["expected_false"] <= high <= outcome["flows"]
    top = outcome["rows"][0]["top"]
    assert 0 <= top["p_low"] <= top["p_value"] <= top["p_high"] < 0.2
    assert 0 < top["context_p_value"] < 0.2


def test_without_a_model_there_is_no_p_value(office):
    outcome = call("detect", office.incident, "--json").json
    assert {row["top"]["p_value"] for row in outcome["rows"]} == {None}
    assert outcome["threshold"]["expected_between"] is None


def test_a_wider_budget_never_shows_less(office):
    shown = []
    for rate in ("0.01", "0.1", "0.5"):
        words = ("detect", office.incident, "-m", office.model, "--false-alarm-rate", rate, "--json")
        shown.append(sum(row["flows"] for row in call(*words).json["rows"]))
    assert shown == sorted(shown)
    assert shown[0] < shown[-1]


@pytest.mark.parametrize("network", ["", "10.0.0.0/99", "home", "10.0.0.0/8,172.16.0.0/12"])
@pytest.mark.parametrize("command", ["detect", "learn"])
def test_a_wrong_home_network(network, command, tmp_path, office):
    more = ["-o", tmp_path / "x.oddflow"] if command == "learn" else []
    refused(call(command, office.incident, "--home-net", network, *more), "home network", "10.0.0.0/8")


def test_home_networks_change_what_is_seen(tmp_path, office):
    model = tmp_path / "x.oddflow"
    words = ("learn", office.baseline, "-o", model, "--detector", "robust-pca", "--json")
    learnt = call(*words, "--home-net", "192.0.2.0/24", "--home-net", "fd00::/8")
    assert learnt.json["home_networks"] == ["192.0.2.0/24", "fd00::/8"]


@pytest.mark.parametrize(
    "words",
    [
        ("flows", "--idle-timeout", "0"),
        ("flows", "--idle-timeout", "nan"),
        ("flows", "--active-timeout", "99999"),
        ("flows", "--max-flows", "3"),
        ("flows", "--limit", "-1"),
        ("detect", "--rows", "0"),
        ("detect", "--rows", "many"),
        ("detect", "--no-such-option"),
        ("learn",),
        ("learn", "-o", "unused.oddflow", "--detector", "oracle"),
        ("learn", "-o", "unused.oddflow", "--seed", "x"),
        ("learn", "-o", "unused.oddflow", "--detector", "robust-pca", "--logdir", "curves"),
    ],
)
def test_a_wrong_value_is_refused(words, office, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = call(words[0], office.incident, *words[1:])
    assert outcome.code == 2
    assert outcome.err
    assert not list(tmp_path.glob("*.oddflow"))


@pytest.mark.parametrize("words", [("nosuch",), ("detect",), ("flows",), ("explain",), ("extract", "a"), ("inspect",)])
def test_a_wrong_call_shows_how_to_get_help(words):
    outcome = call(*words)
    assert outcome.code == 2
    assert "--help" in outcome.err or "-h" in outcome.err


def test_rows_are_limited_and_the_rest_is_told(office):
    words = ("detect", office.incident, "-m", office.model, "--false-alarm-rate", "0.5")
    many = call(*words, "--rows", "100")
    one = call(*words, "--rows", "1")
    assert many.code == one.code == 0
    assert "more rows" in one.err
    assert "more rows" not in many.err
    assert len(one.out.splitlines()) < len(many.out.splitlines())


@pytest.mark.parametrize("words", [("flows",), ("detect", "-m", "{model}"), ("learn", "-o", "{new}")])
def test_strict_and_a_loss(words, office, tmp_path):
    def filled(word):
        return word.format(model=office.model, new=tmp_path / "x.oddflow")

    words = [words[0], office.lossy, *map(filled, words[1:])]
    if words[0] == "learn":
        words += ["--detector", "robust-pca"]
    assert call(*words).code == 0
    assert call(*words, "--strict").code == 3
    assert call(*[office.baseline if word == office.lossy else word for word in words], "--strict").code == 0


def test_fail_on_alert(office):
    assert call("detect", office.incident, "-m", office.model, "--fail-on-alert").code == 4
    quiet = call("detect", office.baseline, "-m", office.model, "--fail-on-alert", "--json")
    assert quiet.code == (4 if quiet.json["rows"] else 0)


def test_a_loss_comes_before_an_alert_and_an_error_before_both(office, tmp_path):
    both = tmp_path / "both.pcap"
    both.write_bytes(capture(scan=True, arp=True))
    flags = ("--strict", "--fail-on-alert")
    assert call("detect", both, "-m", office.model, *flags).code == 3
    assert call("detect", both, "-m", office.model, "--fail-on-alert").code == 4
    assert call("detect", both, tmp_path / "missing.pcap", "-m", office.model, *flags).code == 2


def test_results_are_written_before_an_exit_code_says_no(office, tmp_path):
    alerts, report = tmp_path / "alerts.jsonl", tmp_path / "report.html"
    words = ("detect", office.incident, "-m", office.model, "-o", alerts, "--report", report)
    assert call(*words, "--fail-on-alert").code == 4
    assert alerts.stat().st_size
    assert report.stat().st_size


def test_without_a_model_it_says_what_it_does(office):
    outcome = call("detect", office.incident)
    assert outcome.code == 0
    assert "no model was given: learning from the capture itself" in outcome.err
    assert "no budget can be promised" in outcome.err


@pytest.mark.parametrize("command", ["detect", "watch"])
def test_tables_of_groups_are_powers_of_two(command, office):
    refused(call(command, office.incident, "-m", office.model, "--max-groups", "1000"), "1000", "power of two")


def test_few_groups_still_tell_of_the_scan(office):
    words = ("detect", office.incident, "-m", office.model, "--truth", office.truth, "--json")
    assert call(*words, "--max-groups", "4096").json["rows"] == call(*words).json["rows"]


def test_doctor_tells_what_the_groups_take():
    assert call("doctor", "--json").json["memory_of_groups"] == "25 MB (--max-groups)"


def test_truth_is_told(office):
    words = ("detect", office.incident, "-m", office.model, "--truth", office.truth)
    assert "found   port scan" in call(*words).out
    attack = call(*words, "--json").json["truth"]["attacks"][0]
    assert (attack["what"], attack["flows"], attack["best_rank"]) == ("port scan", SCANNED_PORTS, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("flows", "{incident}"),
        ("flows", "{incident}", "-o", "{folder}/x.parquet"),
        ("learn", "{baseline}", "-o", "{folder}/x.oddflow", "--detector", "robust-pca"),
        ("detect", "{incident}", "-m", "{model}", "--truth", "{truth}"),
        ("detect", "{incident}"),
        ("explain", "{alerts}", "{id}"),
        ("extract", "{alerts}", "{id}", "-w", "{folder}/x.pcap"),
        ("inspect", "{model}"),
        ("doctor",),
        ("doctor", "--warm"),
        ("detectors",),
        ("detectors", "kitnet"),
    ],
)
def test_json_is_one_value_on_standard_output(words, office, an_id, tmp_path):
    known = vars(office) | {"id": an_id, "folder": tmp_path}
    outcome = call(*(word.format(**known) for word in words), "--json")
    assert outcome.code == 0
    assert outcome.json


@pytest.mark.parametrize("words", [("flows", "no.pcap"), ("detect", "no.pcap"), ("inspect", "no.oddflow")])
def test_json_of_an_error_is_no_half_value(words):
    refused(call(*words, "--json"))
