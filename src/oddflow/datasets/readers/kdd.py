"""KDD Cup 99 and NSL-KDD: headerless CSV of 41 features, the label and, in NSL-KDD, how hard a row is to tell.

Sources: the task description of KDD Cup 99 (kddcup.names); Tavallaee et al. 2009 for the 43rd field.
"""

from collections.abc import Iterator

from oddflow.datasets.readers.delimited import Layout, stacked, tables
from oddflow.datasets.readers.opening import opened
from oddflow.datasets.readers.piece import Piece, Task
from oddflow.errors import InputError
from oddflow.features.feature import Feature, Scale

LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY
HOST = "connections to the host among its last 100"

FEATURES: tuple[Feature, ...] = (
    Feature("duration", "s", LOG, "lasted {value}"),
    Feature("protocol_type", "", CATEGORY, "protocol {value}"),
    Feature("service", "", CATEGORY, "service {value}"),
    Feature("flag", "", CATEGORY, "connection ended as {value}"),
    Feature("src_bytes", "bytes", LOG, "{value} sent"),
    Feature("dst_bytes", "bytes", LOG, "{value} received"),
    Feature("land", "", LINEAR, "same address and port at both ends: {value}"),
    Feature("wrong_fragment", "", LINEAR, "{value} wrong fragments"),
    Feature("urgent", "packets", LINEAR, "{value} urgent packets"),
    Feature("hot", "", LOG, "{value} hot indicators"),
    Feature("num_failed_logins", "", LINEAR, "{value} failed logins"),
    Feature("logged_in", "", LINEAR, "logged in: {value}"),
    Feature("num_compromised", "", LOG, "{value} compromised conditions"),
    Feature("root_shell", "", LINEAR, "root shell: {value}"),
    Feature("su_attempted", "", LINEAR, "su attempted: {value}"),
    Feature("num_root", "", LOG, "{value} accesses as root"),
    Feature("num_file_creations", "", LOG, "{value} files created"),
    Feature("num_shells", "", LINEAR, "{value} shell prompts"),
    Feature("num_access_files", "", LINEAR, "{value} operations on access control files"),
    Feature("num_outbound_cmds", "", LINEAR, "{value} outbound commands in an ftp session"),
    Feature("is_host_login", "", LINEAR, "login of the hot list: {value}"),
    Feature("is_guest_login", "", LINEAR, "guest login: {value}"),
    Feature("count", "connections", LINEAR, "{value} connections to the host in 2 s"),
    Feature("srv_count", "connections", LINEAR, "{value} connections to the service in 2 s"),
    Feature("serror_rate", "", LINEAR, "{value} of those to the host with SYN errors"),
    Feature("srv_serror_rate", "", LINEAR, "{value} of those to the service with SYN errors"),
    Feature("rerror_rate", "", LINEAR, "{value} of those to the host refused"),
    Feature("srv_rerror_rate", "", LINEAR, "{value} of those to the service refused"),
    Feature("same_srv_rate", "", LINEAR, "{value} of those to the host to the same service"),
    Feature("diff_srv_rate", "", LINEAR, "{value} of those to the host to different services"),
    Feature("srv_diff_host_rate", "", LINEAR, "{value} of those to the service to different hosts"),
    Feature("dst_host_count", "connections", LINEAR, f"{{value}} {HOST}"),
    Feature("dst_host_srv_count", "connections", LINEAR, f"{{value}} {HOST}, same service"),
    Feature("dst_host_same_srv_rate", "", LINEAR, f"{{value}} of {HOST}, same service"),
    Feature("dst_host_diff_srv_rate", "", LINEAR, f"{{value}} of {HOST}, different services"),
    Feature("dst_host_same_src_port_rate", "", LINEAR, f"{{value}} of {HOST}, same source port"),
    Feature("dst_host_srv_diff_host_rate", "", LINEAR, f"{{value}} of {HOST}, same service, different hosts"),
    Feature("dst_host_serror_rate", "", LINEAR, f"{{value}} of {HOST}, SYN errors"),
    Feature("dst_host_srv_serror_rate", "", LINEAR, f"{{value}} of {HOST}, same service, SYN errors"),
    Feature("dst_host_rerror_rate", "", LINEAR, f"{{value}} of {HOST}, refused"),
    Feature("dst_host_srv_rerror_rate", "", LINEAR, f"{{value}} of {HOST}, same service, refused"),
)

NAMES = tuple(feature.name for feature in FEATURES)
LABEL, DIFFICULTY = "label", "difficulty"


def read(task: Task) -> Iterator[Piece]:
    """The rows of a file, NaN where a value is missing.

    Raises:
        InputError: Its lines have neither 42 nor 43 fields.
    """

    def layout_of(first: list[str]) -> tuple[Layout, bool]:
        if len(first) not in (len(NAMES) + 1, len(NAMES) + 2):
            raise InputError(
                f"{task.name}, line 1: {len(first)} fields where 41 features, a label and perhaps the difficulty were "
                "expected, with commas between; is it a file of KDD Cup 99 or NSL-KDD?"
            )
        names = (*NAMES, LABEL, DIFFICULTY)[: len(first)]
        words = frozenset(feature.name for feature in FEATURES if feature.scale is CATEGORY)
        return Layout(names, words | {LABEL}, frozenset({DIFFICULTY}) & set(names)), False

    with opened(task) as stream:
        for table in tables(stream, task.name, task.ledger, layout_of):
            x = stacked(table, FEATURES, task.words, task.ledger)
            yield Piece(x, FEATURES, table.column(LABEL).combine_chunks())
