"""UNSW-NB15: the CSV files that its authors made to learn from and to test on, 42 features a flow.

Source: Moustafa and Slay 2015, tables II to VI. `id` counts rows and is no feature.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from oddflow.datasets.readers.delimited import Layout, header_names, stacked, tables
from oddflow.datasets.readers.opening import opened
from oddflow.datasets.readers.piece import Piece, Task
from oddflow.errors import InputError
from oddflow.features.feature import Feature, Scale

LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY
LAST = "of the last 100 flows"

FEATURES: tuple[Feature, ...] = (
    Feature("dur", "s", LOG, "lasted {value}"),
    Feature("proto", "", CATEGORY, "protocol {value}"),
    Feature("service", "", CATEGORY, "service {value}"),
    Feature("state", "", CATEGORY, "state {value}"),
    Feature("spkts", "packets", LOG, "{value} packets sent"),
    Feature("dpkts", "packets", LOG, "{value} packets received"),
    Feature("sbytes", "bytes", LOG, "{value} sent"),
    Feature("dbytes", "bytes", LOG, "{value} received"),
    Feature("rate", "packets/s", LOG, "{value} on average"),
    Feature("sttl", "hops", LINEAR, "time to live {value} from the source"),
    Feature("dttl", "hops", LINEAR, "time to live {value} from the target"),
    Feature("sload", "bits/s", LOG, "{value} sent"),
    Feature("dload", "bits/s", LOG, "{value} received"),
    Feature("sloss", "packets", LOG, "{value} sent packets lost or sent again"),
    Feature("dloss", "packets", LOG, "{value} received packets lost or sent again"),
    Feature("sinpkt", "ms", LOG, "{value} between packets sent"),
    Feature("dinpkt", "ms", LOG, "{value} between packets received"),
    Feature("sjit", "ms", LOG, "jitter {value} of packets sent"),
    Feature("djit", "ms", LOG, "jitter {value} of packets received"),
    Feature("swin", "", LINEAR, "TCP window {value} of the source"),
    Feature("stcpb", "", LINEAR, "TCP base sequence number {value} of the source"),
    Feature("dtcpb", "", LINEAR, "TCP base sequence number {value} of the target"),
    Feature("dwin", "", LINEAR, "TCP window {value} of the target"),
    Feature("tcprtt", "s", LOG, "round trip {value}"),
    Feature("synack", "s", LOG, "{value} from SYN to SYN-ACK"),
    Feature("ackdat", "s", LOG, "{value} from SYN-ACK to ACK"),
    Feature("smean", "bytes", LOG, "{value} a packet sent"),
    Feature("dmean", "bytes", LOG, "{value} a packet received"),
    Feature("trans_depth", "", LINEAR, "{value} pipelined HTTP requests"),
    Feature("response_body_len", "bytes", LOG, "{value} of HTTP content received"),
    Feature("ct_srv_src", "flows", LINEAR, f"{{value}} {LAST}: same service and source"),
    Feature("ct_state_ttl", "", LINEAR, "{value} as the state's range of times to live"),
    Feature("ct_dst_ltm", "flows", LINEAR, f"{{value}} {LAST}: same target"),
    Feature("ct_src_dport_ltm", "flows", LINEAR, f"{{value}} {LAST}: same source and target port"),
    Feature("ct_dst_sport_ltm", "flows", LINEAR, f"{{value}} {LAST}: same target and source port"),
    Feature("ct_dst_src_ltm", "flows", LINEAR, f"{{value}} {LAST}: same source and target"),
    Feature("is_ftp_login", "", LINEAR, "{value} as whether an FTP session had a login"),
    Feature("ct_ftp_cmd", "", LINEAR, "{value} FTP commands"),
    Feature("ct_flw_http_mthd", "", LINEAR, "{value} HTTP methods"),
    Feature("ct_src_ltm", "flows", LINEAR, f"{{value}} {LAST}: same source"),
    Feature("ct_srv_dst", "flows", LINEAR, f"{{value}} {LAST}: same service and target"),
    Feature("is_sm_ips_ports", "", LINEAR, "{value} as whether both ends have the same address and port"),
)
NAMES = frozenset(feature.name for feature in FEATURES)
CATEGORIES = frozenset(feature.name for feature in FEATURES if feature.scale is CATEGORY)
LABEL, IS_ATTACK = "attack_cat", "label"


def read(task: Task) -> Iterator[Piece]:
    """The rows of a file, NaN where a value is missing.

    Raises:
        InputError: Its header lacks a column.
    """

    def layout_of(first: list[str]) -> tuple[Layout, bool]:
        names = tuple(name.lower() for name in header_names(first))
        missing = sorted((NAMES | {LABEL, IS_ATTACK}) - set(names))
        if missing:
            raise InputError(
                f"{task.name}, line 1: {', '.join(missing[:5])} missing; expected the header of UNSW_NB15_training-set "
                "or testing-set, with commas between"
            )
        return Layout(names, CATEGORIES | {LABEL}, frozenset(names) - NAMES - {LABEL, IS_ATTACK}), True

    with opened(task) as stream:
        for table in tables(stream, task.name, task.ledger, layout_of):
            x = stacked(table, FEATURES, task.words, task.ledger)
            yield Piece(x, FEATURES, _labels(table))


def _labels(table: pa.Table) -> pa.Array:
    """The attack's category; some copies leave it empty for normal rows."""
    named = table.column(LABEL).combine_chunks()
    is_normal = pc.equal(table.column(IS_ATTACK).combine_chunks(), 0.0)
    return pc.if_else(pc.and_(is_normal, pc.equal(pc.utf8_trim_whitespace(named), "")), "Normal", named)
