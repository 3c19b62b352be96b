import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.evaluation.rows import of_data_set, of_sources
from oddflow.features.representation import Reads
from tests.cli.captures import SCANNED, SCANNER, capture


@pytest.mark.parametrize(("reads", "width"), [(Reads.IMAGE, 784), (Reads.SEQUENCE, 64)])
def test_labelled_captures_are_rows_as_a_detector_reads_them(tmp_path, reads, width):
    (tmp_path / "day.pcap").write_bytes(capture(scan=True, seed=3))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what"
    (tmp_path / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan\n")
    rows = of_sources([tmp_path / "day.pcap"], tmp_path / "truth.csv", reads)
    tabular = of_sources([tmp_path / "day.pcap"], tmp_path / "truth.csv", Reads.TABULAR)
    assert rows.x.shape == (len(tabular), width)
    assert rows.is_attack.sum() == tabular.is_attack.sum() == 120
    np.testing.assert_array_equal(rows.times_ns, tabular.times_ns)


def test_flows_of_a_data_set_are_read_as_packets_with_their_labels(shared):
    rows = of_data_set("modbus", shared, Reads.SEQUENCE)
    assert rows.x.shape == (2_235, 64)
    assert rows.is_attack.sum() == 11
    assert len(rows.captures) == 3


def test_images_of_a_data_set_come_once_each(shared):
    rows = of_data_set("ustc-tfc2016", shared, Reads.IMAGE)
    assert rows.x.shape == (12_922, 784)
    assert len(np.unique(rows.x, axis=0)) == len(rows)


def test_features_of_a_set_are_no_packets(shared):
    with pytest.raises(UsageError, match="nsl-kdd has features of its own and no sequences"):
        of_data_set("nsl-kdd", shared, Reads.SEQUENCE)
