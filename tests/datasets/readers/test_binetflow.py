import numpy as np
import pytest

from oddflow.datasets import registry
from oddflow.datasets.collecting import Collector
from oddflow.datasets.readers.binetflow import read
from oddflow.datasets.readers.piece import Task, Words
from oddflow.errors import InputError
from oddflow.learning.labelled import version_of
from oddflow.losses import Ledger

HEADER = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n"
BOT = "2011/08/10 09:46:53.5,2.5,tcp,10.0.0.1,1025,   ->,192.0.2.1,80,S_RA,0,0,4,244,124,flow=From-Botnet-V42-TCP\n"
ICMP = "2011/08/10 09:46:54.5,0.0,icmp,10.0.0.1,0x0008,  <->,192.0.2.1,,ECO,0,,2,196,98,flow=Background\n"


def rows_of(folder, text):
    (folder / "x.binetflow").write_text(text)
    known = registry.find("ctu-13")
    ledger, words = Ledger(), Words()
    collector = Collector(known.name, 100, ledger, known.labels, words)
    task = Task(known, known.sections[0], folder / "x.binetflow", None, words, ledger)
    collector.section("1", "", read(task))
    return collector.rows()


def test_records_with_labels_that_say_more(tmp_path):
    rows = rows_of(tmp_path, HEADER + BOT + ICMP)
    assert [rows.labels[y].name for y in rows.y] == ["Botnet", "Background"]
    assert rows.is_attack.tolist() == [True, False]
    assert rows.x[0, [0, 6, 7, 8]].tolist() == [2.5, 4, 244, 124]
    assert rows.words["Dir"] == ("->", "<->")
    assert np.isnan(rows.x[1, 5])
    assert rows.times_ns[0] == np.datetime64("2011-08-10T09:46:56", "ns").astype(np.int64)
    assert rows.ends.column("src_port").to_pylist() == [1025, 8]
    assert rows.ends.column("dst_port").to_pylist() == [80, None]
    assert rows.ends.column("protocol").to_pylist() == [6, 1]
    assert version_of(rows) == "feature-set ctu-13"


def test_wrong_lines_are_lost_and_a_wrong_header_refused(tmp_path):
    rows = rows_of(tmp_path, HEADER + BOT + BOT.replace("2011/08/10", "yesterday") + "1,2,3\n")
    assert (len(rows), rows.ledger.lost_total) == (1, 2)
    with pytest.raises(InputError, match="TotPkts missing"):
        rows_of(tmp_path, HEADER.replace("TotPkts", "Packets") + BOT)
