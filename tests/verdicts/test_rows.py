from oddflow.verdicts.rows import fold
from tests.verdicts.make import alert


def test_rows_rank_by_their_highest_score():
    rows = fold([alert(src_ip="10.0.0.1", score=1.0), alert(src_ip="10.0.0.2", score=3.0)])
    assert [(row.rank, row.top.src_ip) for row in rows] == [(1, "10.0.0.2"), (2, "10.0.0.1")]


def test_a_scan_is_one_row_whatever_the_ports():
    rows = fold([alert(dst_port=port, payload=b"") for port in range(1, 1001)])
    assert len(rows) == 1
    assert len(rows[0].alerts) == 1000


def test_services_that_exchanged_data_are_rows_of_their_own():
    assert len(fold([alert(dst_port=22), alert(dst_port=80)])) == 2


def test_one_service_on_several_hosts_is_one_row():
    assert len(fold([alert(dst_ip="10.0.0.2"), alert(dst_ip="10.0.0.3")])) == 1


def test_equal_scores_are_ordered_by_flow_key():
    alerts = [alert(src_port=port) for port in (3, 1, 2)]
    assert [a.src_port for a in fold(alerts)[0].alerts] == [1, 2, 3]
    assert fold(alerts) == fold(reversed(alerts))
