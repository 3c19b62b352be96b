"""What the first bytes of flows say: names, versions and fingerprints, as columns of the flow table."""

from collections import Counter

import numpy as np
import pyarrow as pa

from oddflow.flows import _dns_kernels as dns
from oddflow.flows import _line_kernels as lines
from oddflow.flows._first_bytes_kernels import IS_DNS, IS_HTTP, IS_SSH
from oddflow.flows.first_bytes import FirstBytes, SortedFlows, sort_first_bytes, span_texts, spread, text_array
from oddflow.flows.hellos import hello_columns
from oddflow.schema import APPLICATION_COLUMNS

__all__ = ["FirstBytes", "application_columns"]

HOST_CHARACTERS, AGENT_CHARACTERS, METHOD_CHARACTERS = 255, 512, 20
DNS_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA",
    29: "LOC", 33: "SRV", 35: "NAPTR", 37: "CERT", 39: "DNAME", 41: "OPT", 43: "DS", 44: "SSHFP", 46: "RRSIG",
    47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA", 59: "CDS", 61: "OPENPGPKEY", 64: "SVCB", 65: "HTTPS",
    99: "SPF", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}  # fmt: skip


def dns_type_name(number: int) -> str:
    """The type of a DNS question (IANA's registry); RFC 3597's form for others.

    >>> dns_type_name(28), dns_type_name(4711)
    ('AAAA', 'TYPE4711')
    """
    return DNS_TYPES.get(number, f"TYPE{number}")


def _dns_columns(flows: SortedFlows, unparsed: Counter[str]) -> dict[str, pa.Array]:
    rows = flows.rows(IS_DNS)
    if not len(rows):
        return {}
    first = flows.first
    facts, states = np.empty((len(rows), 2), np.int16), np.empty(len(rows), np.uint8)
    text, offsets = np.empty(dns.QUERY_CHARACTERS * len(rows), np.uint8), np.empty(len(rows) + 1, np.int32)
    used = dns.read_dns(first.client, first.client_offsets, first.server, first.server_offsets, rows,
                        facts, states, text, offsets)  # fmt: skip
    unparsed["DNS question cut"] += int((states & dns.IS_CUT != 0).sum())
    asked, answered = states & dns.HAS_QUESTION != 0, states & dns.ANSWERED != 0
    known, places = np.unique(facts[:, 0].view(np.uint16), return_inverse=True)
    types = pa.array([dns_type_name(number) for number in known.tolist()], pa.string())
    columns = {
        "dns_query": text_array(text[:used].copy(), offsets, asked),
        "dns_type": types.take(pa.array(places, mask=~asked)),
        "dns_rcode": pa.array(facts[:, 1].astype(np.uint8), mask=~answered),
    }
    return {name: spread(column, rows, len(first)) for name, column in columns.items()}


def _http_columns(flows: SortedFlows, unparsed: Counter[str]) -> dict[str, pa.Array]:
    rows = flows.rows(IS_HTTP)
    if not len(rows):
        return {}
    first = flows.first
    facts = np.empty((len(rows), lines.HTTP_FIELDS), np.int64)
    lines.read_http(first.client, first.client_offsets, first.server, first.server_offsets, first.protocol, rows, facts)
    unparsed["HTTP headers cut"] += int((facts[:, lines.HTTP_STATE] == 1).sum())
    spans = {
        "http_method": (lines.METHOD, METHOD_CHARACTERS),
        "http_host": (lines.HOST, HOST_CHARACTERS),
        "http_user_agent": (lines.AGENT, AGENT_CHARACTERS),
    }
    columns = {}
    for name, (place, limit) in spans.items():
        begins, ends = facts[:, place], facts[:, place + 1]
        columns[name] = span_texts(first.client, begins, np.where(begins < 0, begins - 1, ends), limit)
    status = facts[:, lines.STATUS]
    columns["http_status"] = pa.array(status.astype(np.uint16), mask=status < 0)
    return {name: spread(column, rows, len(first)) for name, column in columns.items()}


def _ssh_columns(flows: SortedFlows, unparsed: Counter[str]) -> dict[str, pa.Array]:
    rows = flows.rows(IS_SSH)
    if not len(rows):
        return {}
    first = flows.first
    columns = {}
    for name, data, offsets in (
        ("ssh_client", first.client, first.client_offsets),
        ("ssh_server", first.server, first.server_offsets),
    ):
        begins, ends = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        is_cut = np.empty(len(rows), np.uint8)
        lines.find_banners(data, offsets, rows, begins, ends, is_cut)
        unparsed["SSH banner cut"] += int(is_cut.sum())
        columns[name] = spread(span_texts(data, begins, ends, lines.BANNER_BYTES), rows, len(first))
    return columns


def application_columns(first: FirstBytes, unparsed: Counter[str] | None = None) -> dict[str, pa.Array]:
    """What the first bytes of n flows say, told by their content.

    Args:
        first: The bytes; most flows may have none.
        unparsed: Told of each message that began like one of ours and could not be read, by reason.

    Returns:
        The columns of APPLICATION_COLUMNS, (n,) each, null where nothing is said.
    """
    flows = sort_first_bytes(first)
    counts: Counter[str] = Counter()
    columns: dict[str, pa.Array] = {}
    if flows.kinds.any():
        for read in (hello_columns, _dns_columns, _http_columns, _ssh_columns):
            columns |= read(flows, counts)
    if unparsed is not None:
        unparsed.update({reason: count for reason, count in counts.items() if count})
    return {
        column.name: columns[column.name].cast(column.type)
        if column.name in columns
        else pa.nulls(len(first), column.type)
        for column in APPLICATION_COLUMNS
    }
