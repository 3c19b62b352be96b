"""The MITRE ATT&CK techniques that rules name: ids and names of the Enterprise and ICS matrices, version 15."""

TECHNIQUES: dict[str, str] = {
    "T1018": "Remote System Discovery",
    "T1041": "Exfiltration Over C2 Channel",
    "T1046": "Network Service Discovery",
    "T1048": "Exfiltration Over Alternative Protocol",
    "T1071": "Application Layer Protocol",
    "T1071.004": "Application Layer Protocol: DNS",
    "T1095": "Non-Application Layer Protocol",
    "T1110": "Brute Force",
    "T1498": "Network Denial of Service",
    "T1498.001": "Network Denial of Service: Direct Network Flood",
    "T1499": "Endpoint Denial of Service",
    "T1499.001": "Endpoint Denial of Service: OS Exhaustion Flood",
    "T1499.002": "Endpoint Denial of Service: Service Exhaustion Flood",
    "T1572": "Protocol Tunneling",
    "T1595": "Active Scanning",
    "T0855": "Unauthorized Command Message (ICS)",
}
"""Source: attack.mitre.org."""


def named(ids: tuple[str, ...]) -> str:
    """Ids with their names, for people.

    >>> named(("T1046",))
    'T1046 Network Service Discovery'
    """
    return ", ".join(f"{one} {TECHNIQUES[one]}" if one in TECHNIQUES else one for one in ids)
