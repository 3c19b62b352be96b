"""Which alerts become one incident, and which do not; in bounded memory, as they come."""

import random
from dataclasses import replace

import pytest

from oddflow.verdicts.incidents import gathering
from oddflow.verdicts.incidents.gathering import Incidents

from .story import ATTACKER, OUTSIDE, VICTIM, logins, odd, scan, upload

THRESHOLD = 1.5


def gathered(*parts, **settings):
    found = Incidents(THRESHOLD, **settings)
    for each in parts:
        for alert in each if isinstance(each, list) else [each]:
            found.add(alert)
    return found


def incidents(*parts, **settings):
    return gathered(*parts, **settings).incidents()


def test_a_scan_of_ten_thousand_ports_is_one_incident():
    (one,) = incidents(scan(ports=10_000))
    assert (one.alerts, one.category, one.hosts) == (10_000, "probe", (ATTACKER, VICTIM))
    assert one.title == f"{ATTACKER} probed 10,000 ports of {VICTIM}"


def test_a_sweep_of_a_network_is_one_incident():
    hosts = [f"10.1.{n // 250}.{n % 250 + 1}" for n in range(1_500)]
    (one,) = incidents([odd(0.05 * n, dst=host, port=445, data=0) for n, host in enumerate(hosts)])
    assert one.category == "probe"
    assert one.stages[0].target_count >= 1_024
    assert one.title == f"{ATTACKER} probed port 445 of more than 1,040 hosts"


@pytest.mark.parametrize("source", [ATTACKER, VICTIM])
def test_a_scan_a_login_and_an_upload_are_one_story(source):
    """Whether the attacker carries the loot out of the victim, or the victim sends it."""
    end = odd(400, port=2049, data=40_000_000, feature="forward_bytes") if source == ATTACKER else upload(400, VICTIM)
    (one,) = incidents(scan(), logins(120), end)
    assert [stage.category for stage in one.stages] == ["probe", "brute_force", "exfiltration"]
    assert one.category == "exfiltration"
    assert one.title.startswith(f"{ATTACKER} probed 100 ports of {VICTIM}, then {ATTACKER} had 20 sessions with")
    assert ", then " in one.title.partition("guessing")[2]
    assert (OUTSIDE in one.hosts) == (source == VICTIM)


def test_one_login_between_a_scan_and_an_upload_belongs_to_both():
    login = odd(120, feature="service_flows_10s")
    (one,) = incidents(scan(), login, upload(400, VICTIM))
    assert one.alerts == 102
    assert login.id in one.alert_ids


def test_one_attacker_who_does_two_things_to_two_hosts_is_two_incidents():
    slow = [odd(300 + n / 10, dst="10.0.0.6", port=80, feature="gap_mean") for n in range(120)]
    found = incidents(scan(), slow)
    assert [(one.category, one.alerts) for one in found] == [("probe", 100), ("dos", 120)]


def test_a_stray_flow_does_not_join_two_stories():
    """It shares the source and kind of the one, and the hosts of the other."""
    slow = [odd(n / 10, dst="10.0.0.6", port=80, feature="gap_mean") for n in range(120)]
    stray = odd(13, dst="10.0.0.6", port=81, data=0)
    found = incidents(slow, stray, scan(20))
    assert sorted(one.alerts for one in found) == [100, 121]


def test_a_busy_server_joins_nothing():
    clients = [logins(100 * n, 3, src=f"10.0.1.{n}", dst=VICTIM, port=443) for n in range(12)]
    found = incidents(*[[replace(a, start_ns=a.start_ns + n * 10**11) for a in one] for n, one in enumerate(clients)])
    assert len(found) == 12


def test_what_a_busy_server_does_later_is_not_all_its_clients_story():
    probes = [scan(10 * n, 20, src=f"10.0.1.{n}") for n in range(5)]
    found = incidents(*probes, upload(600, VICTIM))
    assert len(found) == 6


@pytest.mark.parametrize("sources", [6, 3_000])
def test_a_flood_of_many_sources_is_one_incident(sources):
    hosts = [f"198.51.{n // 250}.{n % 250 + 1}" for n in range(sources)]
    found = gathered([odd(0.01 * n, src=host, port=80, data=0) for n, host in enumerate(hosts)])
    (one,) = found.incidents()
    assert (one.alerts, one.stages[0].targets) == (sources, (VICTIM,))
    assert found.closed_early == 0


def test_what_a_resolver_passes_on_belongs_to_who_asked():
    asked = odd(0, "10.0.0.7", "10.0.0.53", 53, protocol=17, data=300_000, lasted_s=60)
    passed_on = [odd(n / 2, "10.0.0.53", OUTSIDE, 53, protocol=17, data=2_000) for n in range(119)]
    other = odd(10, "10.0.0.8", "10.0.0.53", 53, protocol=17)
    found = incidents(passed_on, other, asked)
    assert [(one.alerts, one.category) for one in found] == [(120, "tunnel"), (1, "")]
    assert found[0].title.startswith(
        "10.0.0.7 exchanged 300 KB with 10.0.0.53:53 as a tunnel does; meanwhile 10.0.0.53"
    )


@pytest.mark.parametrize("port", [0, 22])
def test_an_alert_on_a_group_belongs_to_the_flows_that_it_is_made_of(port):
    """It has no port of its own and no data, stands for one pair of hosts, and comes when its window ends."""
    group = odd(3, port=port, data=0, lasted_s=57, feature="group", category="brute_force", category_probability=0.5)
    (one,) = incidents(logins(0), group)
    assert (one.alerts, one.stages[0].port_count) == (21, 1)
    assert one.title == f"{ATTACKER} had 21 sessions with {VICTIM}:22 that look like password guessing"


def test_an_alert_on_a_group_alone_is_an_incident_of_its_category():
    group = odd(3, port=22, data=0, lasted_s=3_000, feature="group", category="brute_force", category_probability=0.5)
    (one,) = incidents(group)
    assert (one.likeliest, one.stages[0].port) == ("brute force, 50%", 22)


def test_a_protocol_without_ports_has_none_in_the_title():
    (one,) = incidents(odd(0, port=0, protocol=1))
    assert one.title == f"{ATTACKER} had 1 odd flow with {VICTIM}"


def test_a_late_alert_joins():
    late = odd(50, port=8_080, data=0)
    (one,) = incidents(scan(0), scan(100), late)
    assert one.alerts == 201
    assert one.stages[0].port_count == 101


def test_what_comes_after_a_quiet_time_is_another_incident():
    found = incidents(scan(0), scan(4_000), scan(20_000))
    assert len(found) == 3
    assert len({one.id for one in found}) == 3


def test_ids_name_the_traffic_and_neither_model_nor_file():
    alerts = scan()
    live = [
        replace(alert, id="ffff", score=alert.score * 2, first_packet=0, start_ns=alert.start_ns + 123)
        for alert in alerts
    ]
    assert incidents(alerts)[0].id == incidents(live)[0].id
    assert incidents(alerts)[0].id != incidents(scan(src="10.0.0.67"))[0].id


def test_how_often_one_asks_changes_nothing():
    alerts = [*scan(), *logins(120), upload(400, VICTIM), odd(500, "10.0.0.99")]
    asked = Incidents(THRESHOLD)
    for alert in alerts:
        asked.add(alert)
        asked.open()
    assert asked.incidents() == incidents(alerts)


@pytest.mark.parametrize("seed", range(8))
def test_whenever_one_asks_the_answer_is_that_of_the_alerts(seed):
    chance = random.Random(seed)
    hosts = [f"10.0.0.{n}" for n in range(chance.choice([4, 12, 30]))]
    alerts = []
    for _ in range(40):
        at, (src, dst) = chance.random() * 3_000, chance.sample(hosts, 2)
        alerts += chance.choice([
            scan(at, 12, src, dst), logins(at, chance.choice([2, 8]), src, dst), [upload(at, src)],
            [odd(at, src, dst, chance.choice([53, 80, 9_000]), lasted_s=chance.choice([0.5, 40]))],
            [odd(at + n, host, dst, 80) for n, host in enumerate(hosts[:6])],
        ])  # fmt: skip
    asked = Incidents(THRESHOLD)
    for alert in alerts:
        asked.add(alert)
        if chance.random() < 0.3:
            asked.open()
    assert asked.incidents() == incidents(alerts)
    assert len(asked.incidents()) > 1


def test_only_what_changed_is_told_anew(monkeypatch):
    """Else each alert would cost more, the longer a sensor runs."""
    found = gathered([odd(n, src=f"10.0.{n}.1", dst=f"10.1.{n}.1") for n in range(100)])
    before = found.open()
    retold = []
    original = gathering.told

    def told(strands, threshold):
        retold.append(len(strands))
        return original(strands, threshold)

    monkeypatch.setattr(gathering, "told", told)
    found.add(odd(200, src="10.0.7.1", dst="10.1.7.1"))
    after = found.open()
    assert len(before) == len(after) == 100
    assert retold == [1]
    assert [one.alerts for one in after] == [2 if n == 7 else 1 for n in range(100)]
    assert [one for n, one in enumerate(after) if n != 7] == [one for n, one in enumerate(before) if n != 7]


def test_news_are_what_is_new_or_grew():
    found = Incidents(THRESHOLD)
    for alert in scan(ports=10):
        found.add(alert)
    first = found.news()
    assert [(one.alerts, new) for one, new in first] == [(10, True)]
    found.add(odd(1, port=9_000, data=0))
    assert found.news() == []
    assert [(one.alerts, new) for one, new in found.news(last=True)] == [(11, False)]
    for alert in logins(10):
        found.add(alert)
    ((grown, new),) = found.news()
    assert (grown.id, grown.stage_count, new) == (first[0][0].id, 2, False)


def test_memory_is_bounded_and_what_is_folded_away_is_said():
    found = Incidents(THRESHOLD, most_strands=40, most_closed=5)
    numbers = [found.add(odd(n, f"10.0.{n}.1", f"10.1.{n}.2", 1_000 + n)) for n in range(100)]
    kept = found.incidents()
    assert len(kept) + found.not_kept == 100
    assert len(kept) <= 45
    assert [said.partition(" ")[0] for said in found.remarks()] == [str(found.closed_early), str(found.not_kept)]
    assert found.id_of(numbers[-1]) in {one.id for one in kept}
    assert sum(bool(found.id_of(number)) for number in numbers) == len(kept)


def test_what_is_over_is_closed_without_being_asked():
    found = Incidents(THRESHOLD, quiet_s=10)
    for n in range(50):
        found.add(odd(100 * n, f"10.0.{n}.1", f"10.1.{n}.2"))
    assert len(found.open()) <= 2
    assert len(found.incidents()) == 50
    assert found.remarks() == []


def test_categories_of_the_alerts_come_before_their_shape():
    said = {"category": "web", "category_probability": 0.7}
    (one,) = incidents(logins(0, **said))
    assert one.likeliest == "web, 70%"
    assert "requests like an attack on the web" in one.title


def test_a_category_that_nobody_knows_is_shown_and_never_grave():
    (one,) = incidents(logins(0, category="\x1b[31m{who}", category_probability=1.0))
    assert one.category == "\x1b[31m{who}"
    assert one.title == f"{ATTACKER} had 20 odd flows with {VICTIM}:22"


def test_as_json_it_has_all_that_outputs_need():
    (one,) = incidents(scan(), logins(120))
    told = one.as_dict()
    assert {"id", "title", "severity", "first", "last", "hosts", "category", "techniques", "alert_ids", "stages"} <= {
        *told
    }
    assert told["links"] == [{"src": ATTACKER, "dst": VICTIM, "alerts": 120}]
    assert [stage["alerts"] for stage in told["stages"]] == [100, 20]
