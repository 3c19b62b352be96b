import numpy as np
import pytest
from tests.datasets.make import halves, noise, rows_of

from oddflow.datasets.leaks import Severity
from oddflow.datasets.leaks.identifiers import identifying_features, kind_of
from oddflow.features.feature import Scale


def found(rows):
    (finding,) = identifying_features(rows, halves(rows))
    return finding


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("src_ip", "address"), ("Dst IP", "address"), ("srcip", "address"), ("SrcAddr", "address"), ("sMac", "address"),
        ("smac", "address"), ("dst_port", "port"), ("Dport", "port"), ("sport", "port"), ("Timestamp", "time"),
        ("time", "time"), ("Stime", "time"), ("Flow ID", "number of the row"), ("id", "number of the row"),
        ("flowId", "number of the row"), ("ts", "time"),
        # what only sounds like it
        ("duration", ""), ("idle_time_mean", ""), ("dst_host_count", ""), ("dst_host_same_src_port_rate", ""),
        ("ct_src_dport_ltm", ""), ("is_sm_ips_ports", ""), ("response_time", ""), ("gap_max_s", ""), ("width", ""),
        ("host_peers_10s", ""), ("pair_ports_120s", ""), ("service", ""), ("forward_packets", ""),
    ],
)  # fmt: skip
def test_a_name_speaks(name, kind):
    assert kind_of(name) == kind


def test_plain_features_are_clean():
    rows = rows_of(noise(), names=["duration", "bytes", "count", "rate"])
    assert found(rows).severity is Severity.CLEAN


def test_an_address_among_the_features_is_severe_and_a_port_a_warning():
    assert found(rows_of(noise(), names=["src_ip", "a", "b", "c"])).severity is Severity.SEVERE
    port = found(rows_of(noise(), names=["dst_port", "a", "b", "c"]))
    assert port.severity is Severity.WARNING
    assert port.figures["named"] == ["dst_port (port)"]


def test_a_number_of_the_row_is_found_whatever_its_name():
    x = noise()
    x[:, 2] = np.random.default_rng(0).permutation(1_000)
    finding = found(rows_of(x))
    assert finding.figures["unique"] == ["f2"]
    assert finding.severity is Severity.WARNING


def test_a_unique_number_beside_very_many_zeros_is_found():
    x = noise()
    x[:, 1] = np.where(np.arange(1_000) % 2, 0, np.random.default_rng(0).permutation(1_000) * 7 + 1)
    assert found(rows_of(x)).figures["unique"] == ["f1"]


def test_counters_that_repeat_are_no_identifiers():
    x = noise()
    x[:, 0] = np.random.default_rng(0).integers(0, 300, 1_000)
    assert found(rows_of(x)).severity is Severity.CLEAN


def test_a_category_with_many_words_is_no_identifier():
    x = noise()
    x[:, 0] = np.random.default_rng(0).permutation(1_000)
    rows = rows_of(x, scales=[Scale.CATEGORY, *[Scale.LINEAR] * 3])
    assert found(rows).severity is Severity.CLEAN


def test_a_clock_is_found_by_the_order_of_the_rows():
    x = noise()
    x[:, 3] = np.cumsum(np.random.default_rng(0).exponential(size=1_000))
    finding = found(rows_of(x))
    assert (finding.severity, finding.figures["running"]) == (Severity.SEVERE, ["f3"])


def test_a_clock_is_found_by_time_where_rows_are_mixed():
    order = np.random.default_rng(0).permutation(1_000)
    x = noise()
    x[:, 3] = -0.5 * order
    assert found(rows_of(x)).figures["running"] == []
    assert found(rows_of(x, times_ns=order)).figures["running"] == ["f3"]


def test_a_column_of_one_value_or_of_none_is_nothing():
    x = noise()
    x[:, 0], x[:, 1] = 7, np.nan
    assert found(rows_of(x)).severity is Severity.CLEAN
