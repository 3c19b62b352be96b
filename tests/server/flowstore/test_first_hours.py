"""The first day of a store, of which hours alone are summed up."""

import time

from oddflow.bench.month import Month
from oddflow.server.flowstore.flow_store import FlowStore


def test_hosts_are_told_before_a_day_is_over(tmp_path):
    now_s = int(time.time()) // 3_600 * 3_600
    Month(200, 10, 2, now_s // 3_600).write_flows(tmp_path / "flows")
    with FlowStore(tmp_path / "flows") as store:
        before = store.hosts(now_s - 86_400, now_s)
        assert store.rollup(now_s + 1_800) > 0
        assert store.hosts(now_s - 86_400, now_s) == before
        assert before.total > 10
        picture = store.host(before.hosts[0].host, now_s - 86_400, now_s)
        assert picture.flows_out + picture.flows_in == before.hosts[0].flows
