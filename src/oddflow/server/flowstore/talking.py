"""Who talked to whom, summed up from flows, in SQL.

A talk is what a host had with a peer over one service, in one role; each flow counts for both of its ends. A service
is a port that is registered, or below 49152; other ports count as one, 0: they are drawn at random (RFC 6335).
"""

_GROUPED = """
flows AS (
    SELECT src_ip, dst_ip, src_key, dst_key, protocol, source,
           CASE WHEN app_by_port IS NOT NULL OR dst_port < 49152 THEN dst_port ELSE 0 END AS port,
           coalesce(app_by_signature, app_by_port, '') AS service,
           CAST(epoch_ns("end") // 3600000000000 AS INTEGER) AS hour,
           coalesce(forward_bytes, 0)::DOUBLE AS sent, coalesce(reverse_bytes, 0)::DOUBLE AS received,
           coalesce(is_alert, false) AS is_alert, score, epoch_ns("start") AS first_ns, epoch_ns("end") AS last_ns
    FROM read_parquet(?, hive_partitioning = false) {where}
),
talks AS (
    SELECT src_ip, dst_ip, any_value(src_key) AS src_key, any_value(dst_key) AS dst_key, protocol, source, port,
           service, hour, count(*) AS flows, sum(sent) AS sent, sum(received) AS received,
           count(*) FILTER (is_alert) AS alerts, max(score) AS score, min(first_ns) AS first_ns,
           max(last_ns) AS last_ns
    FROM flows GROUP BY src_ip, dst_ip, protocol, source, port, service, hour
),
sides AS (
    SELECT src_ip AS host, src_key AS host_key, dst_ip AS peer, false AS serves, protocol, source, port, service,
           hour, flows, sent, received, alerts, score, first_ns, last_ns FROM talks
    UNION ALL
    SELECT dst_ip, dst_key, src_ip, true, protocol, source, port, service,
           hour, flows, received, sent, alerts, score, first_ns, last_ns FROM talks
),
ends AS (SELECT * FROM sides {of_hosts})
"""

HOSTS_SQL = """
SELECT host, any_value(host_key) AS host_key, source, hour,
       CAST(sum(flows) FILTER (NOT serves) AS BIGINT) AS flows_out,
       CAST(sum(flows) FILTER (serves) AS BIGINT) AS flows_in,
       sum(sent) AS sent, sum(received) AS received, CAST(sum(alerts) AS BIGINT) AS alerts, max(score) AS score,
       min(first_ns) AS first_ns, max(last_ns) AS last_ns, count(DISTINCT peer) AS peers
FROM ends GROUP BY host, source, hour
"""
"""A row a host, source and hour."""

TALKS_SQL = """
SELECT host, any_value(host_key) AS host_key, source, peer, serves, protocol, port, service,
       CAST(hour // 24 AS INTEGER) AS day, bit_or(CAST(1 AS UINTEGER) << CAST(hour % 24 AS INTEGER)) AS hours,
       CAST(sum(flows) AS BIGINT) AS flows, sum(sent) AS sent, sum(received) AS received,
       CAST(sum(alerts) AS BIGINT) AS alerts, max(score) AS score, min(first_ns) AS first_ns, max(last_ns) AS last_ns
FROM ends GROUP BY host, source, peer, serves, protocol, port, service, hour // 24
"""
"""A row a host, source, peer, role, service and day."""


CUTS_SQL = """
WITH ends AS (
    SELECT src_ip AS host, count(*) AS flows FROM read_parquet($1, hive_partitioning = false) GROUP BY src_ip
    UNION ALL
    SELECT dst_ip, count(*) FROM read_parquet($1, hive_partitioning = false) GROUP BY dst_ip
),
hosts AS (SELECT host, sum(flows) AS flows FROM ends GROUP BY host),
passed AS (SELECT host, sum(flows) OVER (ORDER BY host) AS flows FROM hosts)
SELECT max(host) FROM passed GROUP BY flows // greatest($2, (SELECT max(flows) FROM passed) // $3) ORDER BY 1
"""
"""The last host of each piece of all hosts: of so many ends of flows ($2), or more where else there were over $3.
"""


def grouped(sql: str, where: str = "") -> str:
    """One of the two over the flows of a list of files, which is the first value.

    Args:
        sql: HOSTS_SQL or TALKS_SQL.
        where: A condition on flows.
    """
    return f"WITH {_GROUPED.format(where=f'WHERE {where}' if where else '', of_hosts='')} {sql}"


def grouped_piece(sql: str) -> str:
    """The same of a piece of all hosts, in their order.

    The values: the files ($1), the last host of the piece before ($2) and that of this one ($3).
    """
    within = "WHERE src_ip > $2 AND src_ip <= $3 OR dst_ip > $2 AND dst_ip <= $3"
    head = _GROUPED.replace("?", "$1").format(where=within, of_hosts="WHERE host > $2 AND host <= $3")
    return f"WITH {head} {sql} ORDER BY host"


def table_of_ends() -> str:
    """Makes a table of both ends of all talks of a list of files, behind which the two stand as they are."""
    return f"CREATE TEMP TABLE ends AS {grouped('SELECT * FROM ends')}"  # noqa: S608
