"""Which records are scored."""

from tests.features.build import flows

from oddflow.features.scored import scored


def test_early_records_and_arp_pass_by():
    batch = flows([{"src_port": 1}, {"src_port": 2, "is_early": True}, {"src_port": 3, "ip_version": 0}])
    assert [part.column("src_port").to_pylist() for part in scored([batch])] == [[1]]


def test_a_source_that_knows_neither_is_scored_whole():
    batch = flows([{"is_early": None}, {"ip_version": None}])
    assert [part.num_rows for part in scored([batch])] == [2]


def test_a_batch_of_nothing_else_is_left_out():
    assert not list(scored([flows([{"ip_version": 0}])]))
