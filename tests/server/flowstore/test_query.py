"""Questions: each is answered as a plain reading of all flows answers it."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.tokens import WrongQuery
from tests.server.flowstore.made import DAY, HOUR_NS, THRESHOLD

NOW_NS = (DAY + 1) * 24 * HOUR_NS + 5 * HOUR_NS


def _in(address, network):
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


def _about(row):
    return [row[name] or "" for name in ("tls_sni", "http_host", "dns_query")]


def _total(row, what):
    return row[f"forward_{what}"] + row[f"reverse_{what}"]


ANSWERS = {
    "": lambda row: True,
    "src_ip = 10.20.0.104": lambda row: row["src_ip"] == "10.20.0.104",
    "10.20.0.104": lambda row: "10.20.0.104" in {row["src_ip"], row["dst_ip"]},
    "ip != 10.20.0.53": lambda row: "10.20.0.53" not in {row["src_ip"], row["dst_ip"]},
    "fd00:20:0::10": lambda row: "fd00:20::10" in {row["src_ip"], row["dst_ip"]},
    "src_ip in 10.20.0.96/28": lambda row: _in(row["src_ip"], "10.20.0.96/28"),
    "dst_ip in fd00::/8": lambda row: _in(row["dst_ip"], "fd00::/8"),
    "dst_ip not in 10.0.0.0/8": lambda row: not _in(row["dst_ip"], "10.0.0.0/8"),
    "ip in ::/0": lambda row: True,  # IPv4 addresses are among them, mapped
    "src_ip in (10.20.0.104, 10.20.0.106..10.20.0.108)": lambda row: (
        row["src_ip"] in {"10.20.0.104", "10.20.0.106", "10.20.0.107", "10.20.0.108"}
    ),
    "src_ip > 10.20.0.105 and src_ip <= 10.20.0.107": lambda row: row["src_ip"] in {"10.20.0.106", "10.20.0.107"},
    "port = 53": lambda row: 53 in {row["src_port"], row["dst_port"]},
    "dst_port in (22, 80..443)": lambda row: row["dst_port"] == 22 or 80 <= row["dst_port"] <= 443,
    "dst_port not between 1 and 1023": lambda row: not 1 <= row["dst_port"] <= 1023,
    "protocol = udp or proto = icmp": lambda row: row["protocol"] in {17, 1},
    "protocol = arp": lambda row: row["ip_version"] == 0,
    "bytes > 5KB": lambda row: _total(row, "bytes") > 5_000,
    "packets between 5 and 10": lambda row: 5 <= _total(row, "packets") <= 10,
    "sent >= 1KiB and received < 1e3": lambda row: row["forward_bytes"] >= 1024 and row["reverse_bytes"] < 1000,
    "duration > 500ms": lambda row: row["end_ns"] - row["start_ns"] > 5e8,
    "score > 2.5": lambda row: row["score"] > 2.5,
    "alert": lambda row: row["score"] > THRESHOLD,
    "not alert and score >= 2": lambda row: 2 <= row["score"] <= THRESHOLD,
    "source = wan": lambda row: row["source"] == "wan",
    "source in (lan, nobody) and alert": lambda row: row["source"] == "lan" and row["score"] > THRESHOLD,
    "name contains OFFICE": lambda row: any("office" in text for text in _about(row)),
    "http_host like 'w%.office.%'": lambda row: (
        (row["http_host"] or "").startswith("w") and ".office." in row["http_host"][1:]
    ),
    "dns_query not contains office": lambda row: "office" not in (row["dns_query"] or ""),
    "http_host is known": lambda row: row["http_host"] is not None,
    "dns_query is not known and protocol = udp": lambda row: row["dns_query"] is None and row["protocol"] == 17,
    "service = dns": lambda row: (row["app_by_signature"] or row["app_by_port"]) == "dns",
    "not (port = 53 or port = 80) and not not alert": lambda row: (
        not {53, 80} & {row["src_port"], row["dst_port"]} and row["score"] > THRESHOLD
    ),
    "port = 80 and alert or port = 22": lambda row: (
        (80 in {row["src_port"], row["dst_port"]} and row["score"] > THRESHOLD)
        or 22 in {row["src_port"], row["dst_port"]}
    ),
    "last 2h": lambda row: row["end_ns"] >= NOW_NS - 2 * HOUR_NS,
    "since 2024-10-04T22:00 until 2024-10-05T01:30:00+01:00": lambda row: (
        (DAY * 24 + 22) * HOUR_NS <= row["end_ns"] <= (DAY * 24 + 24) * HOUR_NS + HOUR_NS // 2
    ),
    "since today": lambda row: row["end_ns"] >= (DAY + 1) * 24 * HOUR_NS,
    "time between yesterday and 01:00": lambda row: DAY * 24 * HOUR_NS <= row["end_ns"] <= (DAY * 24 + 25) * HOUR_NS,
    "src_port > 100000": lambda row: False,
}


@pytest.fixture(scope="module")
def rows(store):
    found = store.search(Query(), 1_000)
    assert (len(found.rows), found.truncated, found.looked) == (600, False, 600)
    return found.rows


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_that_of_a_plain_reading(store, rows, text):
    text = text.replace("src_port > 100000", "src_port > 65535")
    found = store.search(Query.parse(text, now_ns=NOW_NS), 1_000).rows
    expected = [row for row in rows if ANSWERS.get(text, lambda row: False)(row)]
    assert found == expected


def test_most_of_these_questions_divide_the_flows(rows):
    """A question that all flows answer, or none, would prove little."""
    counts = [sum(map(answer, rows)) for answer in ANSWERS.values()]
    assert sum(0 < count < len(rows) for count in counts) >= len(ANSWERS) - 5


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("order by score", lambda row: -row["score"]),
        ("order by score asc limit 7", lambda row: row["score"]),
        ("order by bytes desc limit 50", lambda row: -_total(row, "bytes")),
        ("alert order by time asc", lambda row: row["end_ns"]),
        ("order by src_ip asc", lambda row: row["src_ip"]),
        ("order by tls_sni asc limit 9", lambda row: row["tls_sni"] or ""),
    ],
)
def test_it_is_sorted_as_asked(store, rows, text, order):
    query = Query.parse(text)
    found = [order(row) for row in store.search(query, 1_000).rows]
    kept = [row for row in rows if "alert" not in text or row["score"] > THRESHOLD]
    assert found == sorted(map(order, kept))[: query.limit]


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("scoore > 3", 1, "did you mean score?"),
        ("score >", 8, "expected a value for score; got the end"),
        ("score > high", 9, "expected a number"),
        ("src_ip = 10.0.0", 10, "expected an address"),
        ("src_ip = 'x' or 'y'", 10, "expected an address"),
        ("port = 65536", 8, "a port, 0 to 65535"),
        ("protocol > 6", 12, "no order"),
        ("bytes > 10 MB", 12, "expected and, or, last"),
        ("(port = 1", 10, "the closing )"),
        ("port in (1 2)", 12, "a comma or the closing )"),
        ("port in ()", 10, "expected a value"),
        ("tls_sni = 'abc", 11, "never closed"),
        ("alert last", 11, "a time span like 15m"),
        ("last 2h last 3h", 9, "said twice"),
        ("last 1h since today", 9, "said twice"),
        ("since 14:00 until 13:00", 23, "ends before it begins"),
        ("since soon", 7, "expected a time like"),
        ("order score", 7, "expected by"),
        ("order by nothing", 10, "no field is called nothing"),
        ("limit 0", 7, "a number, 1 to"),
        ("packets", 8, "expected an operator"),
        ("score contains 3", 7, "goes with texts"),
        ("ip between 10.0.0.1 and fd00::1", 12, "two IP versions"),
        ("tunnel_src_ip in 10.0.0.0/8", 18, "one address only"),
        ("and", 1, "no field is called and"),
        ("= 3", 1, "expected a field"),
        ("a" * 5_000, 4_001, "at most 4,000 characters"),
        ("(" * 100, 33, "32 deep"),
        ("not " * 100 + "alert", 129, "32 deep"),
        (" or ".join(["alert"] * 201), 1_801, "at most 200 tests"),
    ],
)
def test_an_error_points_at_the_place(text, column, words):
    with pytest.raises(WrongQuery, match="column") as told:
        Query.parse(text, now_ns=NOW_NS)
    assert told.value.column == column
    assert words in str(told.value)
    line, under = told.value.pointed().splitlines()
    assert len(line) <= 120
    assert "^" in under


TOKENS = (
    "and or not ( ) , = != < >= in between contains like is known last since until order by limit asc desc ip port "
    "src_ip score bytes protocol source tls_sni alert duration time 10.0.0.5 fd00::/8 80 1..9 5m 10MB tcp today "
    "2024-10-05 'a b' \"x\" % ' \" \\ \0 ﬀ \ud800 -1 1e999 99999999999999999999 .."
)
WORDS = st.sampled_from(TOKENS.split(" "))


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_is_a_question_or_told_to_be_none(text):
    try:
        query = Query.parse(text, now_ns=NOW_NS)
    except WrongQuery as error:
        where = error.column
    else:
        assert query.where.count("?") == len(query.values)
        where = 1
    assert 1 <= where <= len(text) + 1


TESTS = st.sampled_from(
    ["alert", "port = 80", "score > 1e18", "bytes < 0", "ip in fd00::/8", "tls_sni like '%_%%'", "name contains x",
     "duration > 99999d", "src_port = 0", "forward_length_squares > 18446744073709551615", "label is known",
     "sent between -5 and 5", "start > 1700-01-01", "end < 2262-01-01", "ja3 = '\\\\'", "http_status in (200..299, 4)",
     "exporter != x", "vlan_id = 70000", "is_early"]
)  # fmt: skip


@settings(max_examples=30)
@given(st.recursive(TESTS, lambda one: st.tuples(one, st.sampled_from(["and", "or", "and not"]), one).map(
    lambda pair: f"({' '.join(pair)})"), max_leaves=5))  # fmt: skip
def test_whatever_can_be_read_can_be_answered(store, text):
    assert store.search(Query.parse(text), 5).files >= 1
