"""Common Event Format, revision 25 (ArcSight, 2017)."""

from oddflow import __version__
from oddflow.outputs.line import one_line
from oddflow.outputs.notice import Notice, Severity, is_address

SEVERITIES = {Severity.LOW: 3, Severity.MEDIUM: 6, Severity.HIGH: 8}
LONGEST_VALUE = 1_023


def cef(notice: Notice) -> str:
    """The notice as one line: seven fields of header, then what is known, as key=value."""
    header = ["Oddflow", "Oddflow", __version__, notice.category or "unusual", notice.name]
    fields = "|".join(escaped_header(text) for text in header)
    known = " ".join(f"{key}={escaped_value(str(value))}" for key, value in _extension(notice).items() if value != "")
    return f"CEF:0|{fields}|{SEVERITIES[notice.severity]}|{known}"


def escaped_header(text: str) -> str:
    r"""A field of the header: the bar and the backslash are escaped, there is one line.

    >>> print(escaped_header("a|b=c"))
    a\|b=c
    """
    return _on_one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def escaped_value(text: str) -> str:
    r"""A value: the equals sign and the backslash are escaped, the bar is not.

    >>> print(escaped_value("a|b=c"))
    a|b\=c
    """
    return _on_one_line(text).replace("\\", "\\\\").replace("=", "\\=")


def _on_one_line(text: str) -> str:
    return one_line(text.replace("\r", " ").replace("\n", " "), LONGEST_VALUE - 1)


def _extension(notice: Notice) -> dict[str, object]:
    fields: dict[str, object] = {
        "externalId": notice.id,
        "rt": notice.end_ns // 1_000_000,
        "start": notice.start_ns // 1_000_000,
        "end": notice.end_ns // 1_000_000,
        "cat": notice.category,
        "msg": "; ".join(notice.reasons) or notice.title,
        "shost": notice.src_name,
        "dhost": notice.dst_name,
    }
    ends = {"src": notice.src_ip, "dst": notice.dst_ip}
    fields |= {place: address for place, address in ends.items() if is_address(address) and ":" not in address}
    for number, (label, address) in enumerate((("Source", notice.src_ip), ("Destination", notice.dst_ip)), start=2):
        if is_address(address) and ":" in address:
            fields |= {f"c6a{number}": address, f"c6a{number}Label": f"{label} IPv6 Address"}
    if notice.src_ip:
        fields |= {"spt": notice.src_port, "dpt": notice.dst_port, "proto": notice.transport.upper()}
        fields |= {"cn1": notice.packets, "cn1Label": "Packets", "cn2": notice.size_bytes, "cn2Label": "Bytes"}
    if notice.score is not None:
        fields |= {"cfp1": f"{notice.score:.6g}", "cfp1Label": "Score"}
    labelled = {
        "Rarity": notice.rarity,
        "Community ID": notice.community_id,
        "MITRE ATT&CK": ",".join(notice.techniques),
        "Intelligence": "; ".join(notice.intelligence),
        "Source": notice.source,
        "Alerts": ",".join(notice.alert_ids),
    }
    for number, (label, value) in enumerate(labelled.items(), start=1):
        if value:
            fields |= {f"cs{number}": value, f"cs{number}Label": label}
    return fields
